"""Where the rows of a statement come from: loops over tables, by key where the conditions name one.

Must not know: what is done with the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, JoinType

from simulation.memory.expressions import Expressions, Scope, Source, Unsupported
from simulation.memory.storage import Shape


@dataclass(slots=True)
class Lines:
    """Python source, line by line, at a depth."""

    depth: int = 1
    text: list[str] = field(default_factory=list[str])

    def add(self, line: str) -> None:
        """One line at the present depth."""
        self.text.append("    " * self.depth + line)

    def open(self, line: str) -> None:
        """A line whose block follows."""
        self.add(line)
        self.depth += 1


@dataclass(frozen=True, slots=True)
class Origin:
    """One source of rows: a table with its primary key, or the Python expression of a list of rows."""

    alias: str
    source: Source
    table: str | None
    rows: str = ""
    primary: tuple[str, ...] = ()

    @property
    def slot(self) -> str:
        """The variable of the row's slot."""
        return self.source.variable.replace("r", "s", 1)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What FROM may name: tables, and the common table expressions made so far as (variable, columns)."""

    shapes: Mapping[str, Shape]
    common: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict[str, tuple[str, tuple[str, ...]]])


def conjuncts(node: Any) -> list[Any]:
    """The conditions that must all hold."""
    if node is None:
        return []
    if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.AND_EXPR:
        return [part for arg in node.args for part in conjuncts(arg)]
    return [node]


def origins(clause: Sequence[Any], catalogue: Catalogue, fresh: Iterator[int]) -> tuple[list[Origin], list[Any]]:
    """The sources of a FROM clause, in order, and the conditions of its joins."""
    found: list[Origin] = []
    conditions: list[Any] = []
    for node in clause or ():
        if isinstance(node, ast.JoinExpr):
            if node.jointype != JoinType.JOIN_INNER:
                raise Unsupported("outer join")
            inner, more = origins((node.larg, node.rarg), catalogue, fresh)
            found += inner
            conditions += [*more, *conjuncts(node.quals)]
        else:
            found.append(_origin(node, catalogue, f"r{next(fresh)}"))
    return found, conditions


def _origin(node: Any, catalogue: Catalogue, variable: str) -> Origin:
    match node:
        case ast.RangeVar() if node.relname in catalogue.common:
            rows, columns = catalogue.common[node.relname]
            return Origin(_alias(node), Source(variable, frozenset(columns)), None, rows)
        case ast.RangeVar() if node.relname in catalogue.shapes:
            return table_origin(catalogue.shapes[node.relname], _alias(node), variable)
        case ast.RangeFunction():
            return _unnest(node, variable)
        case _:
            raise Unsupported(f"FROM {getattr(node, 'relname', type(node).__name__)}")


def table_origin(shape: Shape, alias: str, variable: str) -> Origin:
    """A table as a source of rows."""
    source = Source(variable, frozenset(shape.defaults), shape.not_null)
    return Origin(alias, source, shape.name, primary=shape.uniques[0].columns)


def _alias(node: ast.RangeVar) -> str:
    """The name under which a statement speaks of a table."""
    return str(node.alias.aliasname if node.alias else node.relname)


def _unnest(node: ast.RangeFunction, variable: str) -> Origin:
    """unnest of several arrays side by side, under the column names of its alias."""
    call = node.functions[0][0]
    columns = [name.sval for name in node.alias.colnames]
    if call.funcname[-1].sval != "unnest":
        raise Unsupported(call.funcname[-1].sval)
    arrays = ", ".join(Expressions(Scope(), _none).value(argument) for argument in call.args)
    members = ", ".join(f"{name!r}: t[{index}]" for index, name in enumerate(columns))
    rows = f"[{{{members}}} for t in zip({arrays}, strict=True)]"
    return Origin(node.alias.aliasname, Source(variable, frozenset(columns)), None, rows)


def _none(_node: Any, _scope: Scope) -> str:
    raise Unsupported("a sub-select in unnest")


def write_loops(lines: Lines, sources: Sequence[Origin], conditions: Sequence[Any], expressions: Expressions) -> None:
    """Open one block after the other until every source has a row and every condition holds."""
    left = list(conditions)
    bound: set[str] = set()
    for origin in sources:
        lookup = _equalities(origin, left, bound, expressions)
        used = _open_source(lines, origin, lookup, expressions)
        left = [condition for condition in left if id(condition) not in used]
        bound.add(origin.alias)
        ready = [one for one in left if _aliases(one, expressions.scope) <= bound]
        left = [one for one in left if not any(one is other for other in ready)]
        tests = [f"{origin.source.variable} is not None"] if origin.table else []
        tests += [expressions.holds(one) for one in ready]
        if tests:
            lines.open(f"if {' and '.join(tests)}:")
    if left:
        raise Unsupported("a condition about no source")


def _open_source(
    lines: Lines, origin: Origin, lookup: dict[str, tuple[Any, Any]], expressions: Expressions
) -> set[int]:
    """Write the loop over one source; the ids of the conditions that its key makes true."""
    variable, slot = origin.source.variable, origin.slot
    if origin.table is None:
        lines.open(f"for {variable} in {origin.rows}:")
        return set()
    table = f"T_{origin.table}"
    primary = origin.primary
    if set(primary) <= set(lookup):
        key = ", ".join(expressions.value(lookup[name][1]) for name in primary)
        lines.add(f"{slot} = {table}.rows.get(({key},))")
        lines.open(f"if {slot} is not None:")
        lines.add(f"{variable} = x.see({slot})")
        return {id(lookup[name][0]) for name in primary}
    if lookup:
        columns = tuple(sorted(lookup))
        key = ", ".join(expressions.value(lookup[name][1]) for name in columns)
        lines.open(f"for {slot} in {table}.by({columns!r}).get(({key},), ()):")
    else:
        lines.open(f"for {slot} in {table}.rows.values():")
    lines.add(f"{variable} = x.see({slot})")
    return set()


def _equalities(
    origin: Origin, conditions: Sequence[Any], bound: set[str], expressions: Expressions
) -> dict[str, tuple[Any, Any]]:
    """The columns of a source that must equal something that is known by now: column to (condition, value)."""
    found: dict[str, tuple[Any, Any]] = {}
    for condition in conditions if origin.table else ():
        is_plain = isinstance(condition, ast.A_Expr) and condition.kind == A_Expr_Kind.AEXPR_OP
        if not is_plain or condition.name[-1].sval != "=":
            continue
        for mine, other in ((condition.lexpr, condition.rexpr), (condition.rexpr, condition.lexpr)):
            if not isinstance(mine, ast.ColumnRef) or not _aliases(other, expressions.scope) <= bound:
                continue
            alias, name, source = expressions.scope.find(mine)
            if alias == origin.alias and source is origin.source and name not in found:
                found[name] = (condition, other)
    return found


def _aliases(node: Any, scope: Scope) -> set[str]:
    """The aliases of this very scope that an expression needs; a sub-select may need any."""
    if isinstance(node, ast.SubLink) and node.subLinkType.name != "EXPR_SUBLINK":
        return set(scope.sources)
    if isinstance(node, ast.SubLink):
        return _free_aliases(node, scope)
    if isinstance(node, ast.ColumnRef):
        alias, _, source = scope.find(node)
        return {alias} if scope.sources.get(alias) is source else set()
    return {alias for child in children(node) for alias in _aliases(child, scope)}


def _free_aliases(node: Any, scope: Scope) -> set[str]:
    """The aliases of this scope that a scalar sub-select names; one that names none can be computed at once."""
    named: set[str] = set()
    for child in children(node):
        if isinstance(child, ast.ColumnRef):
            parts = [part.sval for part in child.fields if isinstance(part, ast.String)]
            named |= {parts[0]} & set(scope.sources) if len(parts) == 2 else set()
        else:
            named |= _free_aliases(child, scope)
    return named


def children(node: Any) -> Iterator[Any]:
    """The nodes right below a node."""
    if isinstance(node, (tuple, list)):
        yield from node
    elif isinstance(node, ast.Node):
        yield from (getattr(node, name, None) for name in node.__slots__)
