"""Whether a statement stays with one merchant: the part of sql_lint.py that reads WHERE and ON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pglast import ast, enums

KEY = "merchant_id"
Node = Any  # pglast's nodes say of every attribute that it may be missing


@dataclass(slots=True)
class Book:
    """What the schema files say: which room owns which relation, and which relations carry a merchant_id."""

    owner: dict[str, str] = field(default_factory=dict)
    keyed: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a statement stands: names of CTEs, relations whose merchant is already fixed outside, and by what."""

    ctes: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()


class Routing:
    """Whether each table of a statement has its merchant fixed by a parameter, so that it runs on one shard."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def problems(self, statement: Node, scope: Scope) -> Iterator[str]:
        """The tables whose merchant is open, in the statement and in everything nested in it."""
        with_clause = getattr(statement, "withClause", None)
        if with_clause is not None:
            names = {cte.ctename for cte in with_clause.ctes}
            scope = Scope(scope.ctes | names, scope.fixed)
            for cte in with_clause.ctes:
                yield from self.problems(cte.ctequery, scope)
        if is_a(statement, ast.SelectStmt) and statement.op != enums.SetOperation.SETOP_NONE:
            yield from self.problems(statement.larg, scope)
            yield from self.problems(statement.rarg, scope)
            return
        yield from self._level(statement, scope)

    def _level(self, statement: Node, scope: Scope) -> Iterator[str]:
        sources = _sources(statement)
        tables = {alias: name for alias, name in sources.items() if self._is_keyed(name, scope)}
        derived = {alias for alias, name in sources.items() if name is None or name in scope.ctes}
        fixed = _fix(statement, tables, scope.fixed | derived)
        inner = Scope(scope.ctes, scope.fixed | derived | fixed)
        if is_a(statement, ast.InsertStmt):
            yield from self._insert(statement, inner)
        else:
            for alias in sorted(set(tables) - fixed):
                yield f"{tables[alias]}: {KEY} is not fixed by a parameter"
        if is_a(statement, ast.UpdateStmt) and any(target.name == KEY for target in statement.targetList):
            yield f"{KEY} never changes"
        for nested in _nested(statement):
            yield from self.problems(nested, inner)

    def _is_keyed(self, name: str | None, scope: Scope) -> bool:
        return name is not None and name not in scope.ctes and name in self._book.keyed

    def _insert(self, statement: Node, scope: Scope) -> Iterator[str]:
        table = statement.relation.relname
        if table not in self._book.keyed:
            return
        columns = [column.name for column in statement.cols or ()]
        if KEY not in columns:
            yield f"{table}: INSERT must name the column {KEY}"
            return
        place = columns.index(KEY)
        select = statement.selectStmt
        values = [row[place] for row in select.valuesLists or ()]
        if select.targetList:
            values.append(select.targetList[place].val)
            scope = Scope(scope.ctes, scope.fixed | set(_sources(select)))
        if not all(_is_parameter(value) or _column(value) is not None for value in values):
            yield f"{table}: {KEY} of an INSERT must be a parameter"
        conflict = statement.onConflictClause
        if conflict and conflict.infer and KEY not in {each.name for each in conflict.infer.indexElems or ()}:
            yield f"{table}: ON CONFLICT must name {KEY}"


def _sources(statement: Node) -> dict[str, str | None]:
    """Alias to relation name of what a statement reads or changes; None for a subquery; functions are left out."""
    found: dict[str, str | None] = {}
    items: list[Node] = [getattr(statement, "relation", None)]
    items += [*(getattr(statement, "fromClause", None) or ()), *(getattr(statement, "usingClause", None) or ())]
    while items:
        item = items.pop()
        if is_a(item, ast.JoinExpr):
            items += [item.larg, item.rarg]
        elif is_a(item, ast.RangeVar):
            found[item.alias.aliasname if item.alias else item.relname] = item.relname
        elif is_a(item, ast.RangeSubselect):
            found[item.alias.aliasname if item.alias else ""] = None
    return found


def _fix(statement: Node, tables: dict[str, str | None], known: frozenset[str] | set[str]) -> set[str]:
    """The aliases whose merchant equals a parameter, or that of one which does, in WHERE and ON."""
    pairs = [
        (_alias(left, tables), _alias(right, tables), left, right)
        for condition in _conditions(statement)
        for left, right in _equality(condition)
    ]
    fixed: set[str] = set()
    while True:
        more = {
            one
            for left_alias, right_alias, left, right in pairs
            for one, other_alias, other in ((left_alias, right_alias, right), (right_alias, left_alias, left))
            if one is not None and (_is_parameter(other) or other_alias in fixed or other_alias in known)
        }
        if more <= fixed:
            return fixed
        fixed |= more


def _conditions(statement: Node) -> Iterator[Node]:
    """The terms joined by AND in WHERE and in each ON."""
    terms: list[Node] = [getattr(statement, "whereClause", None)]
    items: list[Node] = [
        *(getattr(statement, "fromClause", None) or ()),
        *(getattr(statement, "usingClause", None) or ()),
    ]
    while items:
        item = items.pop()
        if is_a(item, ast.JoinExpr):
            terms.append(item.quals)
            items += [item.larg, item.rarg]
    while terms:
        term = terms.pop()
        if is_a(term, ast.BoolExpr) and term.boolop == enums.BoolExprType.AND_EXPR:
            terms += term.args
        elif term is not None:
            yield term


def _equality(term: Node) -> Iterator[tuple[Node, Node]]:
    if not is_a(term, ast.A_Expr) or term.kind != enums.A_Expr_Kind.AEXPR_OP or term.name[-1].sval != "=":
        return
    if is_a(term.lexpr, ast.RowExpr) and is_a(term.rexpr, ast.RowExpr):
        yield from zip(term.lexpr.args, term.rexpr.args, strict=False)
    else:
        yield term.lexpr, term.rexpr


def _alias(node: Node, tables: dict[str, str | None]) -> str | None:
    """Whose merchant_id a column reference means: its qualifier, or the only table here that has one."""
    parts = _column(node)
    if parts is None or parts[-1] != KEY:
        return None
    if len(parts) > 1:
        return parts[-2]
    return next(iter(tables)) if len(tables) == 1 else None


def _column(node: Node) -> list[str] | None:
    if not is_a(node, ast.ColumnRef):
        return None
    return [part.sval for part in node.fields if is_a(part, ast.String)]


def _is_parameter(node: Node) -> bool:
    return is_a(node, ast.ParamRef) or (is_a(node, ast.TypeCast) and _is_parameter(node.arg))


def _nested(statement: Node) -> Iterator[Node]:
    """The statements directly inside this one, its CTEs aside."""
    kinds = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
    waiting = [value for name, value in attributes(statement) if name != "withClause"]
    while waiting:
        node = waiting.pop()
        if is_a(node, *kinds):
            yield node
        else:
            waiting += [value for _, value in attributes(node)]


def descend(node: Node, *kinds: type) -> Iterator[Node]:
    """Every node of these kinds, this one included."""
    waiting: list[Node] = [node]
    while waiting:
        one = waiting.pop()
        if is_a(one, *kinds):
            yield one
        waiting += [value for _, value in attributes(one)]


def is_a(node: Node, *kinds: type) -> bool:
    """`isinstance` that leaves the node untyped: every attribute of pglast's types is optional on paper."""
    return isinstance(node, kinds)


def attributes(node: Node) -> list[tuple[str, Node]]:
    """What a node holds, by name; a tuple's items have none."""
    if is_a(node, tuple):
        return [("", value) for value in node]
    if is_a(node, ast.Node):
        return [(name, getattr(node, name)) for name in node]
    return []
