"""Named SQL as Python functions over the store: what PostgreSQL would do with the statement, written out.

`compile_statement` knows the SQL that our queries use and raises Unsupported for any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pglast import ast, parse_sql
from pglast.enums import OnConflictAction, SetOperation

from simulation.memory.expressions import FUNCTIONS, Expressions, Scope, Source, Unsupported
from simulation.memory.planning import Catalogue, Lines, Origin, conjuncts, origins, table_origin, write_loops
from simulation.memory.selecting import name_of, write_lock, write_select
from simulation.memory.storage import Row, Shape, Statement

Outcome = tuple[list[Row], int]
"""The rows of an answer, and how many rows were read or written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement ready to run: `run(statement, arguments)`. `verb` is the word of its command tag."""

    name: str
    text: str
    verb: str
    run: Callable[[Statement, Sequence[Any]], Outcome]
    source: str


def compile_statement(text: str, shapes: Mapping[str, Shape], name: str = "") -> Plan:
    """The plan of one statement, under a name. Raises Unsupported."""
    (raw,) = parse_sql(text)
    writer = Compiler(Catalogue(shapes))
    lines = writer.whole(raw.stmt)
    made: dict[str, Any] = {**FUNCTIONS, **{f"D_{name}": shape.defaults for name, shape in shapes.items()}}
    exec("\n".join(lines), made)
    verb = type(raw.stmt).__name__.removesuffix("Stmt").upper()
    return Plan(name, text, verb, made["run"], "\n".join(lines))


@dataclass(slots=True)
class Compiler:
    """Writes the functions of one statement: its parts in the order in which they are needed."""

    catalogue: Catalogue
    head: list[str] = field(default_factory=list[str])
    numbers: count[int] = field(default_factory=lambda: count(1))

    def whole(self, statement: Any) -> list[str]:
        """The source of `run`."""
        for common in statement.withClause.ctes if statement.withClause else ():
            name, _ = self.part(common.ctequery, Scope())
            is_select = isinstance(common.ctequery, ast.SelectStmt)
            self.head.append(f"    c_{common.ctename} = {name}(){'' if is_select else '[0]'}")
            self.catalogue.common[common.ctename] = (f"c_{common.ctename}", columns_of(common.ctequery))
        name, _ = self.part(statement, Scope())
        tables = [f"    T_{table} = x.tables[{table!r}]" for table in self.catalogue.shapes if self._names(table)]
        if isinstance(statement, ast.SelectStmt):
            ending = [f"    rows = {name}()", "    return rows, len(rows)"]
        else:
            ending = [f"    return {name}()"]
        return ["def run(x, a):", *tables, *self.head, *ending]

    def part(self, statement: Any, outer: Scope) -> tuple[str, Scope]:
        """Write one statement as a function; its name, and the scope that says what it takes from outside."""
        scope = Scope(outer=outer)
        lines = Lines(2)
        match statement:
            case ast.SelectStmt() if statement.op == SetOperation.SETOP_UNION and statement.all:
                left, right = self.part(statement.larg, outer)[0], self.part(statement.rarg, outer)[0]
                names = columns_of(statement.larg)
                lines.add(f"return {left}() + [dict(zip({names!r}, row.values(), strict=True)) for row in {right}()]")
            case ast.SelectStmt() if statement.op == SetOperation.SETOP_NONE:
                write_select(self, lines, statement, scope)
            case ast.InsertStmt():
                self._insert(lines, statement, scope)
            case ast.UpdateStmt() | ast.DeleteStmt():
                self._change(lines, statement, scope)
            case _:
                raise Unsupported(type(statement).__name__)
        name = f"q{next(self.numbers)}"
        self.head += [f"    def {name}({', '.join(scope.captured)}):", *lines.text]
        return name, scope

    def subquery(self, statement: Any, outer: Scope) -> str:
        """Write a sub-select; the call that runs it."""
        name, scope = self.part(statement, outer)
        return f"{name}({', '.join(scope.captured)})"

    def _names(self, table: str) -> bool:
        return any(f"T_{table}." in line or f"T_{table}," in line for line in self.head)

    def _insert(self, lines: Lines, statement: ast.InsertStmt, scope: Scope) -> None:
        shape = self._shape(statement.relation.relname)
        columns = [target.name for target in statement.cols]
        alias = statement.relation.alias.aliasname if statement.relation.alias else shape.name
        origin = table_origin(shape, alias, f"r{next(self.numbers)}")
        lines.add("out = []; n = 0")
        self._open_rows(lines, statement.selectStmt, columns, (shape, scope))
        scope.sources[alias] = origin.source
        clause = statement.onConflictClause
        if clause is not None:
            self._meet(lines, clause, origin, (statement, scope))
        lines.add(f"x.insert(T_{shape.name}, new)")
        self._tell(lines, statement, origin, scope)
        lines.depth = 2
        lines.add("return out, n")

    def _open_rows(self, lines: Lines, node: Any, columns: Sequence[str], about: tuple[Shape, Scope]) -> None:
        """Open the loop over the rows to insert: `new` is a whole row."""
        shape, scope = about
        if node.valuesLists:
            expressions = Expressions(Scope(), self.subquery)
            rows = ["(" + ", ".join(expressions.value(value) for value in line) + ",)" for line in node.valuesLists]
            lines.open(f"for v in ({', '.join(rows)},):")
        else:
            name, _ = self.part(node, scope.outer or Scope())
            lines.open(f"for v in [tuple(row.values()) for row in {name}()]:")
        members = ", ".join(f"{column!r}: v[{index}]" for index, column in enumerate(columns))
        lines.add(f"new = {{**D_{shape.name}, {members}}}")

    def _meet(self, lines: Lines, clause: Any, origin: Origin, about: tuple[ast.InsertStmt, Scope]) -> None:
        """ON CONFLICT: pass over, or change the row that is there."""
        statement, scope = about
        columns = tuple(element.name for element in clause.infer.indexElems) if clause.infer else ()
        if columns and columns not in {unique.columns for unique in self._shape(origin.table or "").uniques}:
            raise Unsupported("ON CONFLICT on columns that are no unique key")
        variable = origin.source.variable
        lines.add(f"met = x.rival(T_{origin.table}, new, {columns!r})")
        lines.open("if met is not None:")
        if clause.action == OnConflictAction.ONCONFLICT_UPDATE:
            lines.add(f"{variable} = x.take(met)")
            scope.sources["excluded"] = Source("new", origin.source.columns, origin.source.not_null)
            members = self._assignments(clause.targetList, scope, first=origin.alias)
            lines.add(f"new = {{**{variable}, {members}}}")
            lines.add("x.update(met, new)")
            del scope.sources["excluded"]
            self._tell(lines, statement, origin, scope)
        lines.add("continue")
        lines.depth -= 1

    def _assignments(self, targets: Sequence[Any], scope: Scope, first: str) -> str:
        """The members of a changed row; a bare column is one of the table that is changed."""
        ordered = Scope({first: scope.sources[first], **scope.sources}, scope.outer, scope.captured)
        expressions = Expressions(ordered, self.subquery)
        return ", ".join(f"{target.name!r}: {expressions.value(target.val)}" for target in targets)

    def _change(self, lines: Lines, statement: Any, scope: Scope) -> None:
        """UPDATE and DELETE: find, lock, look again where somebody else was first, write."""
        shape = self._shape(statement.relation.relname)
        alias = statement.relation.alias.aliasname if statement.relation.alias else shape.name
        target = table_origin(shape, alias, f"r{next(self.numbers)}")
        clause = statement.fromClause if isinstance(statement, ast.UpdateStmt) else statement.usingClause
        others, joined = origins(clause or (), self.catalogue, self.numbers)
        scope.sources |= {target.alias: target.source, **{one.alias: one.source for one in others}}
        expressions = Expressions(scope, self.subquery)
        conditions = [*joined, *conjuncts(statement.whereClause)]
        lines.add("out = []; n = 0; found = []")
        write_loops(lines, [*others, target], conditions, expressions)
        rows = ", ".join(one.source.variable for one in others)
        lines.add(f"found.append(({target.slot}, {target.source.variable}, ({rows}{',' if rows else ''})))")
        lines.depth = 2
        lines.open(f"for {target.slot}, seen, others in found:")
        if others:
            lines.add(f"({rows},) = others")
        write_lock(lines, target, conditions, expressions)
        if isinstance(statement, ast.UpdateStmt):
            members = self._assignments(statement.targetList, scope, first=target.alias)
            lines.add(f"new = {{**{target.source.variable}, {members}}}")
            lines.add(f"x.update({target.slot}, new)")
        else:
            lines.add(f"new = {target.source.variable}")
            lines.add(f"x.delete({target.slot})")
        self._tell(lines, statement, target, scope)
        lines.depth = 2
        lines.add("return out, n")

    def _tell(self, lines: Lines, statement: Any, origin: Origin, scope: Scope) -> None:
        """Count the row, and give back what RETURNING asks of its new version."""
        lines.add("n += 1")
        if statement.returningClause is None:
            return
        lines.add(f"{origin.source.variable} = new")
        expressions = Expressions(scope, self.subquery)
        targets = statement.returningClause.exprs
        members = ", ".join(f"{name_of(target)!r}: {expressions.value(target.val)}" for target in targets)
        lines.add(f"out.append({{{members}}})")

    def _shape(self, table: str) -> Shape:
        if table not in self.catalogue.shapes:
            raise Unsupported(f"table {table}")
        return self.catalogue.shapes[table]


def columns_of(statement: Any) -> tuple[str, ...]:
    """The columns that a common table expression has."""
    if isinstance(statement, ast.SelectStmt):
        return tuple(name_of(target) for target in statement.targetList)
    clause = statement.returningClause
    return tuple(name_of(target) for target in clause.exprs) if clause else ()
