"""SQL expressions as Python source, with SQL's three truth values: NULL is None, and no comparison with it holds.

`holds` is Python source that is true when the SQL is TRUE, `fails` one that is true when it is FALSE; what is neither is
NULL. Must not know: tables, statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, MinMaxOp, NullTestType, SubLinkType

COMPARISONS = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
ARITHMETIC = {"+": "plus", "-": "minus"}
LENGTHS = frozenset({"length", "octet_length", "cardinality"})


class Unsupported(Exception):
    """The statement uses SQL that this model does not know."""


@dataclass(slots=True)
class Source:
    """What an alias stands for: the Python variable of its row, its columns, and those that are never NULL."""

    variable: str
    columns: frozenset[str]
    not_null: frozenset[str] = frozenset()


@dataclass(slots=True)
class Scope:
    """The aliases that an expression may name. `captured` are the variables that it takes from the scopes around it."""

    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    outer: Scope | None = None
    captured: dict[str, None] = field(default_factory=dict[str, None])

    def find(self, column: ast.ColumnRef) -> tuple[str, str, Source]:
        """(alias, column, source) of a reference."""
        names = [part.sval for part in column.fields if isinstance(part, ast.String)]
        scope: Scope | None = self
        passed: list[Scope] = []
        while scope is not None:
            for alias, source in scope.sources.items():
                if names[:-1] in ([], [alias]) and names[-1] in source.columns:
                    for one in passed:
                        one.captured[source.variable] = None
                    return alias, names[-1], source
            passed.append(scope)
            scope = scope.outer
        raise Unsupported(f"no column {'.'.join(names)}")


Subquery = Callable[[Any, Scope], str]
"""Compiles a sub-select and gives the Python call that runs it."""


@dataclass(slots=True)
class Expressions:
    """Writes expressions of one scope. `known` are nodes that are computed already, such as aggregates."""

    scope: Scope
    subquery: Subquery
    known: Mapping[int, str] = field(default_factory=dict[int, str])

    def value(self, node: Any) -> str:
        """Python source of a value."""
        if id(node) in self.known:
            return self.known[id(node)]
        match node:
            case ast.ParamRef():
                return f"a[{node.number - 1}]"
            case ast.A_Const():
                return "None" if node.isnull else repr(_constant(node.val))
            case ast.ColumnRef():
                _, name, source = self.scope.find(node)
                return f"{source.variable}[{name!r}]"
            case ast.TypeCast():
                return self.value(node.arg)
            case ast.CaseExpr():
                return self._case(node)
            case ast.CoalesceExpr():
                return f"first({self._all(node.args)})"
            case ast.MinMaxExpr():
                name = "greatest" if node.op == MinMaxOp.IS_GREATEST else "least"
                return f"{name}({self._all(node.args)})"
            case ast.A_Expr() if node.kind == A_Expr_Kind.AEXPR_OP and _operator(node) in ARITHMETIC:
                return f"{ARITHMETIC[_operator(node)]}({self._operand(node.lexpr)}, {self.value(node.rexpr)})"
            case ast.FuncCall() if node.funcname[-1].sval in LENGTHS:
                return f"size({self._all(node.args)})"
            case ast.SubLink() if node.subLinkType == SubLinkType.EXPR_SUBLINK:
                return f"scalar({self.subquery(node.subselect, self.scope)})"
            case ast.A_Expr() | ast.BoolExpr() | ast.NullTest() | ast.SubLink():
                return f"(True if {self.holds(node)} else False if {self.fails(node)} else None)"
            case _:
                raise Unsupported(type(node).__name__)

    def holds(self, node: Any) -> str:
        """Python source that is true when the condition is TRUE."""
        match node:
            case ast.BoolExpr():
                return self._logic(node, wants=True)
            case ast.NullTest():
                return self._null_test(node, wants=True)
            case ast.A_Expr() if id(node) not in self.known:
                return self._comparison(node, wants=True)
            case ast.SubLink() if node.subLinkType == SubLinkType.EXISTS_SUBLINK:
                return f"bool({self.subquery(node.subselect, self.scope)})"
            case ast.SubLink() if node.subLinkType == SubLinkType.ANY_SUBLINK:
                return f"({self.value(node.testexpr)} in column({self.subquery(node.subselect, self.scope)}))"
            case _:
                return f"({self.value(node)} is True)"

    def fails(self, node: Any) -> str:
        """Python source that is true when the condition is FALSE."""
        match node:
            case ast.BoolExpr():
                return self._logic(node, wants=False)
            case ast.NullTest():
                return self._null_test(node, wants=False)
            case ast.A_Expr() if id(node) not in self.known:
                return self._comparison(node, wants=False)
            case ast.SubLink() if node.subLinkType == SubLinkType.EXISTS_SUBLINK:
                return f"(not {self.subquery(node.subselect, self.scope)})"
            case _:
                return f"({self.value(node)} is False)"

    def _logic(self, node: ast.BoolExpr, *, wants: bool) -> str:
        if node.boolop == BoolExprType.NOT_EXPR:
            return self.fails(node.args[0]) if wants else self.holds(node.args[0])
        parts = [self.holds(arg) if wants else self.fails(arg) for arg in node.args]
        is_all = (node.boolop == BoolExprType.AND_EXPR) == wants
        return "(" + (" and " if is_all else " or ").join(parts) + ")"

    def _null_test(self, node: ast.NullTest, *, wants: bool) -> str:
        is_null = (node.nulltesttype == NullTestType.IS_NULL) == wants
        return f"({self.value(node.arg)} is {'' if is_null else 'not '}None)"

    def _comparison(self, node: ast.A_Expr, *, wants: bool) -> str:
        left = self._operand(node.lexpr)
        match node.kind:
            case A_Expr_Kind.AEXPR_OP:
                return self._compare(node, left, wants=wants)
            case A_Expr_Kind.AEXPR_OP_ANY if _operator(node) == "=":
                sign = "in" if wants else "not in"
                return f"({left} is not None and {left} {sign} {self.value(node.rexpr)})"
            case A_Expr_Kind.AEXPR_OP_ALL if _operator(node) == "<>":
                sign = "not in" if wants else "in"
                return f"({left} is not None and {left} {sign} {self.value(node.rexpr)})"
            case A_Expr_Kind.AEXPR_BETWEEN:
                low, high = (self.value(part) for part in node.rexpr)
                inside = f"{low} <= {left} <= {high}"
                return f"({left} is not None and {inside if wants else f'not ({inside})'})"
            case A_Expr_Kind.AEXPR_IN:
                sign = "in" if (_operator(node) == "=") == wants else "not in"
                return f"({left} is not None and {left} {sign} ({self._all(node.rexpr)},))"
            case _:
                raise Unsupported(f"{node.kind!r}")

    def _compare(self, node: ast.A_Expr, left: str, *, wants: bool) -> str:
        right = self.value(node.rexpr)
        sign = COMPARISONS.get(_operator(node))
        if sign is None:
            raise Unsupported(f"operator {_operator(node)}")
        sign = sign if wants else OPPOSITE[sign]
        guards = [
            f"{text} is not None" for text, side in ((left, node.lexpr), (right, node.rexpr)) if self._may_null(side)
        ]
        if sign == "==" and len(guards) == 2:
            guards.pop()
        return "(" + " and ".join([*guards, f"{left} {sign} {right}"]) + ")"

    def _may_null(self, node: Any) -> bool:
        match node:
            case ast.A_Const():
                return bool(node.isnull)
            case ast.TypeCast():
                return self._may_null(node.arg)
            case ast.ColumnRef():
                _, name, source = self.scope.find(node)
                return name not in source.not_null
            case ast.NullTest():
                return False
            case _:
                return True

    def _operand(self, node: Any) -> str:
        return "None" if node is None else self.value(node)

    def _case(self, node: ast.CaseExpr) -> str:
        text = "None" if node.defresult is None else self.value(node.defresult)
        for when in reversed(node.args):
            text = f"({self.value(when.result)} if {self.holds(when.expr)} else {text})"
        return text

    def _all(self, nodes: Any) -> str:
        return ", ".join(self.value(node) for node in nodes)


def _operator(node: ast.A_Expr) -> str:
    return str(node.name[-1].sval)


def _constant(node: Any) -> object:
    match node:
        case ast.Integer():
            return node.ival or 0
        case ast.String():
            return node.sval
        case ast.Boolean():
            return bool(node.boolval)
        case ast.Float():
            return int(node.fval)
        case _:
            raise Unsupported(type(node).__name__)


def _plus(left: Any, right: Any) -> Any:
    return None if left is None or right is None else left + right


def _minus(left: Any, right: Any) -> Any:
    if left is None and right is not None:
        return -right
    return None if left is None or right is None else left - right


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def _greatest(*values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def _size(value: Any) -> int | None:
    return None if value is None else len(value)


def _scalar(rows: list[dict[str, Any]]) -> Any:
    return next(iter(rows[0].values())) if rows else None


def _column(rows: list[dict[str, Any]]) -> list[Any]:
    return [next(iter(row.values())) for row in rows]


FUNCTIONS: dict[str, Any] = {
    "plus": _plus,
    "minus": _minus,
    "first": _first,
    "least": _least,
    "greatest": _greatest,
    "size": _size,
    "scalar": _scalar,
    "column": _column,
}
"""What the written source calls."""
