"""SELECT as a Python function: plain, grouped, sorted, limited, or locking what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pglast import ast
from pglast.enums import LockWaitPolicy, SortByDir

from simulation.memory.expressions import Expressions, Scope, Unsupported
from simulation.memory.planning import Lines, Origin, children, conjuncts, origins, write_loops

if TYPE_CHECKING:
    from simulation.memory.statements import Compiler

AGGREGATES = {
    "count": "len({})",
    "min": "min({}, default=None)",
    "max": "max({}, default=None)",
    "sum": "(sum({0}) if {0} else None)",
}


@dataclass(slots=True)
class _Select:
    """One SELECT that is being written."""

    compiler: Compiler
    lines: Lines
    node: Any
    scope: Scope
    sources: list[Origin]
    conditions: list[Any]

    @property
    def expressions(self) -> Expressions:
        return Expressions(self.scope, self.compiler.subquery)


def write_select(compiler: Compiler, lines: Lines, node: Any, scope: Scope) -> None:
    """The body of a function that answers a SELECT as a list of rows."""
    sources, conditions = origins(node.fromClause or (), compiler.catalogue, compiler.numbers)
    scope.sources |= {origin.alias: origin.source for origin in sources}
    conditions += conjuncts(node.whereClause)
    writing = _Select(compiler, lines, node, scope, sources, conditions)
    found = [target.val for target in node.targetList or ()]
    found += [sort.node for sort in node.sortClause or ()] + [node.havingClause]
    aggregates = [one for part in found for one in _aggregates(part)]
    if node.lockingClause:
        _write_locking(writing)
    elif aggregates or node.groupClause:
        _write_grouped(writing, aggregates)
    else:
        _write_plain(writing)


def _aggregates(node: Any) -> Iterator[Any]:
    if isinstance(node, ast.FuncCall) and node.funcname[-1].sval in AGGREGATES:
        yield node
    elif not isinstance(node, ast.SubLink):
        for child in children(node):
            yield from _aggregates(child)


def _write_plain(writing: _Select) -> None:
    lines, node, expressions = writing.lines, writing.node, writing.expressions
    lines.add("out = []")
    write_loops(lines, writing.sources, writing.conditions, expressions)
    lines.add(f"out.append({_entry(node, expressions)})")
    lines.depth = 2
    _finish(lines, node, expressions)


def _entry(node: Any, expressions: Expressions) -> str:
    """The row, with the keys that it is sorted by in front."""
    row = _row(node.targetList, expressions)
    keys = _sort_keys(node, expressions)
    return f"({', '.join([*keys, row])})" if keys else row


def _row(targets: Sequence[Any], expressions: Expressions) -> str:
    members: dict[str, str] = {}
    for index, target in enumerate(targets or ()):
        name = name_of(target)
        members[name if name not in members else f"{name} {index}"] = expressions.value(target.val)
    return "{" + ", ".join(f"{name!r}: {value}" for name, value in members.items()) + "}"


def name_of(target: Any) -> str:
    """The name of a column of an answer."""
    if target.name:
        return str(target.name)
    match target.val:
        case ast.ColumnRef():
            return str(target.val.fields[-1].sval)
        case ast.FuncCall():
            return str(target.val.funcname[-1].sval)
        case _:
            return "?column?"


def _sort_keys(node: Any, expressions: Expressions) -> list[str]:
    """One key for each ORDER BY; NULL is greater than everything."""
    keys: list[str] = []
    for sort in node.sortClause or ():
        value = expressions.value(sort.node)
        keys.append(f"({value} is None, {value})")
    return keys


def _finish(lines: Lines, node: Any, expressions: Expressions) -> None:
    """Sort, make distinct, cut, answer."""
    sorts = list(node.sortClause or ())
    for index in reversed(range(len(sorts))):
        is_down = sorts[index].sortby_dir == SortByDir.SORTBY_DESC
        lines.add(f"out.sort(key=lambda entry: entry[{index}], reverse={is_down})")
    if sorts:
        lines.add(f"out = [entry[{len(sorts)}] for entry in out]")
    if node.distinctClause:
        lines.add("out = list({tuple(row.values()): row for row in reversed(out)}.values())[::-1]")
    if node.limitCount is not None:
        lines.add(f"out = out[:{expressions.value(node.limitCount)}]")
    lines.add("return out")


def _write_grouped(writing: _Select, aggregates: Sequence[Any]) -> None:
    lines, node, expressions = writing.lines, writing.node, writing.expressions
    keys = [expressions.value(part) for part in node.groupClause or ()]
    lines.add("groups = {}" if keys else f"groups = {{(): {_lists(aggregates)}}}")
    write_loops(lines, writing.sources, writing.conditions, expressions)
    key = f"({', '.join(keys)},)" if keys else "()"
    lines.add(f"g = groups.get({key})")
    lines.open("if g is None:")
    lines.add(f"g = groups[{key}] = {_lists(aggregates)}")
    lines.depth -= 1
    for index, aggregate in enumerate(aggregates):
        _collect(lines, aggregate, index, expressions)
    lines.depth = 2
    known = {id(aggregate): _total(aggregate, index) for index, aggregate in enumerate(aggregates)}
    known |= _group_columns(writing)
    grouped = Expressions(writing.scope, writing.compiler.subquery, known)
    lines.add("out = []")
    lines.open("for key, g in groups.items():")
    if node.havingClause is not None:
        lines.open(f"if {grouped.holds(node.havingClause)}:")
    lines.add(f"out.append({_entry(node, grouped)})")
    lines.depth = 2
    _finish(lines, node, grouped)


def _lists(aggregates: Sequence[Any]) -> str:
    return f"[{', '.join('[]' for _ in aggregates)}]"


def _collect(lines: Lines, aggregate: Any, index: int, expressions: Expressions) -> None:
    """Put one row's value into an aggregate's list, unless it is NULL or filtered out."""
    value = "True" if aggregate.agg_star else expressions.value(aggregate.args[0])
    tests = [] if aggregate.agg_star else [f"{value} is not None"]
    if aggregate.agg_filter is not None:
        tests.append(expressions.holds(aggregate.agg_filter))
    lines.add(f"if {' and '.join(tests) or 'True'}: g[{index}].append({value})")


def _total(aggregate: Any, index: int) -> str:
    values = f"dict.fromkeys(g[{index}])" if aggregate.agg_distinct else f"g[{index}]"
    return AGGREGATES[aggregate.funcname[-1].sval].format(values)


def _group_columns(writing: _Select) -> dict[int, str]:
    """Where the answer names a column that it groups by: the value in the group's key."""
    parts = writing.node.groupClause or ()
    if not all(isinstance(part, ast.ColumnRef) for part in parts):
        raise Unsupported("GROUP BY what is no column")
    places = {writing.scope.find(part)[:2]: index for index, part in enumerate(parts)}
    found: dict[int, str] = {}

    def walk(node: Any) -> None:
        if isinstance(node, ast.ColumnRef):
            place = places.get(writing.scope.find(node)[:2])
            if place is not None:
                found[id(node)] = f"key[{place}]"
        elif not (isinstance(node, ast.FuncCall) and node.funcname[-1].sval in AGGREGATES):
            for child in children(node):
                walk(child)

    node = writing.node
    for part in (node.targetList, node.havingClause, node.sortClause):
        walk(part)
    return found


def _write_locking(writing: _Select) -> None:
    """FOR UPDATE: in the order that is asked for, up to the limit; SKIP LOCKED passes over what others hold."""
    lines, node, expressions = writing.lines, writing.node, writing.expressions
    if len(writing.sources) != 1 or len(node.lockingClause) != 1:
        raise Unsupported("locking more than one table")
    (origin,) = writing.sources
    lines.add("out = []; found = []")
    write_loops(lines, writing.sources, writing.conditions, expressions)
    keys = _sort_keys(node, expressions)
    lines.add(f"found.append(({', '.join([*keys, origin.slot, origin.source.variable])}))")
    lines.depth = 2
    for index in reversed(range(len(keys))):
        is_down = node.sortClause[index].sortby_dir == SortByDir.SORTBY_DESC
        lines.add(f"found.sort(key=lambda entry: entry[{index}], reverse={is_down})")
    lines.open(f"for {', '.join([*('_' for _ in keys), origin.slot, 'seen'])} in found:")
    if node.limitCount is not None:
        lines.add(f"if len(out) >= {expressions.value(node.limitCount)}: break")
    if node.lockingClause[0].waitPolicy == LockWaitPolicy.LockWaitSkip:
        lines.add(f"if x.is_held({origin.slot}): continue")
    write_lock(lines, origin, writing.conditions, expressions)
    lines.add(f"out.append({_row(node.targetList, expressions)})")
    lines.depth = 2
    lines.add("return out")


def write_lock(lines: Lines, target: Origin, conditions: Sequence[Any], expressions: Expressions) -> None:
    """Take the row's newest version, and look at the conditions again when it is not the one that was seen."""
    variable = target.source.variable
    lines.add(f"{variable} = x.take({target.slot})")
    lines.add(f"if {variable} is None: continue")
    tests = " and ".join(expressions.holds(condition) for condition in conditions) or "True"
    lines.add(f"if {variable} is not seen and not ({tests}): continue")
