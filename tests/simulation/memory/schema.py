"""Tables, keys and checks as the migrations of the rooms make them. Must not know: which rooms there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pglast import ast, parse_sql
from pglast.enums import AlterTableType, ConstrType

from simulation.memory.expressions import FUNCTIONS, Expressions, Scope, Source, Unsupported
from simulation.memory.storage import Foreign, Row, Shape, Unique


@dataclass(slots=True)
class _Draft:
    """A table while the migrations are read."""

    name: str
    defaults: dict[str, Any] = field(default_factory=dict[str, Any])
    not_null: set[str] = field(default_factory=set[str])
    primary: tuple[str, ...] = ()
    uniques: dict[str, tuple[tuple[str, ...], Any]] = field(default_factory=dict[str, tuple[tuple[str, ...], Any]])
    foreign: dict[str, Foreign] = field(default_factory=dict[str, Foreign])
    checks: dict[str, Any] = field(default_factory=dict[str, Any])


def read_schema(texts: Iterable[str]) -> dict[str, Shape]:
    """The tables that these migrations make, in their order."""
    drafts: dict[str, _Draft] = {}
    for text in texts:
        for raw in parse_sql(text):
            _apply(drafts, raw.stmt)
    return {name: _shape(draft, drafts) for name, draft in drafts.items()}


def _apply(drafts: dict[str, _Draft], statement: Any) -> None:
    match statement:
        case ast.CreateStmt():
            draft = drafts[statement.relation.relname] = _Draft(statement.relation.relname)
            for element in statement.tableElts:
                _element(draft, element)
        case ast.AlterTableStmt():
            draft = drafts[statement.relation.relname]
            for command in statement.cmds:
                _alter(draft, command)
        case ast.IndexStmt() if statement.unique:
            columns = tuple(part.name for part in statement.indexParams)
            drafts[statement.relation.relname].uniques[statement.idxname] = (columns, statement.whereClause)
        case ast.DropStmt():
            raise Unsupported("DROP")
        case _:
            return  # views, grants, comments, indexes that only make reading faster


def _alter(draft: _Draft, command: Any) -> None:
    match command.subtype:
        case AlterTableType.AT_AddColumn | AlterTableType.AT_AddConstraint:
            _element(draft, command.def_)
        case AlterTableType.AT_DropConstraint:
            for kept in (draft.checks, draft.uniques, draft.foreign):
                kept.pop(command.name, None)
        case AlterTableType.AT_SetNotNull:
            draft.not_null.add(command.name)
        case AlterTableType.AT_DropNotNull:
            draft.not_null.discard(command.name)
        case AlterTableType.AT_DropColumn:
            _drop_column(draft, command.name)
        case AlterTableType.AT_ValidateConstraint:
            return
        case other:
            raise Unsupported(f"ALTER TABLE {other!r}")


def _drop_column(draft: _Draft, name: str) -> None:
    """A column goes with its own checks; one that a key is made of does not go (PostgreSQL would drop the key too)."""
    keys = [draft.primary, *(columns for columns, _ in draft.uniques.values())]
    keys += [foreign.columns for foreign in draft.foreign.values()]
    if any(name in columns for columns in keys):
        raise Unsupported(f"DROP COLUMN {draft.name}.{name}, which a key is made of")
    del draft.defaults[name]
    draft.not_null.discard(name)
    for check in [check for check in draft.checks if check.startswith(f"{draft.name}_{name}_check")]:
        del draft.checks[check]


def _element(draft: _Draft, element: Any) -> None:
    if isinstance(element, ast.Constraint):
        _constraint(draft, element, ())
        return
    draft.defaults[element.colname] = None
    for constraint in element.constraints or ():
        _constraint(draft, constraint, (element.colname,))


def _constraint(draft: _Draft, constraint: Any, columns: tuple[str, ...]) -> None:
    named = columns or tuple(key.sval for key in constraint.keys or ())
    match constraint.contype:
        case ConstrType.CONSTR_NOTNULL:
            draft.not_null.update(named)
        case ConstrType.CONSTR_DEFAULT:
            draft.defaults[columns[0]] = _default(constraint.raw_expr)
        case ConstrType.CONSTR_PRIMARY:
            draft.primary = named
            draft.not_null.update(named)
        case ConstrType.CONSTR_UNIQUE:
            draft.uniques[constraint.conname or f"{draft.name}_{'_'.join(named)}_key"] = (named, None)
        case ConstrType.CONSTR_FOREIGN:
            here = columns or tuple(key.sval for key in constraint.fk_attrs)
            there = tuple(key.sval for key in constraint.pk_attrs or ())
            name = constraint.conname or f"{draft.name}_{'_'.join(here)}_fkey"
            draft.foreign[name] = Foreign(name, here, constraint.pktable.relname, there)
        case ConstrType.CONSTR_CHECK:
            suffix = f"_{columns[0]}" if columns else ""
            name = constraint.conname or _free(draft.checks, f"{draft.name}{suffix}_check")
            draft.checks[name] = constraint.raw_expr
        case other:
            raise Unsupported(f"{other!r}")


def _free(taken: dict[str, Any], name: str) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free


def _default(node: Any) -> Any:
    writer = Expressions(Scope(), _no_subquery)
    return eval(writer.value(node), dict(FUNCTIONS))


def _shape(draft: _Draft, drafts: dict[str, _Draft]) -> Shape:
    source = Source("r", frozenset(draft.defaults), frozenset(draft.not_null))
    writer = Expressions(Scope({draft.name: source}), _no_subquery)
    covers = {
        name: eval(f"lambda r: {writer.holds(where)}", dict(FUNCTIONS)) if where is not None else None
        for name, (_, where) in draft.uniques.items()
    }
    uniques = [Unique(f"{draft.name}_pkey", draft.primary)]
    uniques += [Unique(name, columns, covers[name]) for name, (columns, _) in draft.uniques.items()]
    foreign = tuple(
        Foreign(one.name, one.columns, one.table, one.there or drafts[one.table].primary)
        for one in draft.foreign.values()
    )
    return Shape(
        name=draft.name,
        defaults=draft.defaults,
        not_null=frozenset(draft.not_null),
        uniques=tuple(uniques),
        foreign=foreign,
        check=_checker(draft, writer),
    )


def _checker(draft: _Draft, writer: Expressions) -> Any:
    """One function that goes through NOT NULL and CHECK."""
    lines = ["def check(r):"]
    for column in draft.defaults:
        if column in draft.not_null:
            lines.append(f"    if r[{column!r}] is None: return ('not_null', {column!r})")
    for name, node in draft.checks.items():
        lines.append(_checked_by(writer, name, node))
    lines.append("    return None")
    made: dict[str, Any] = dict(FUNCTIONS)
    exec("\n".join(lines), made)
    return made["check"]


def _checked_by(writer: Expressions, name: str, node: Any) -> str:
    """One CHECK; one that this model cannot read is no licence to write anything: it refuses the table."""
    try:
        return f"    if {writer.fails(node)}: return ('check', {name!r})"
    except Unsupported as unknown:
        return f"    raise NotImplementedError({f'{name}: {unknown}'!r})"


def _no_subquery(_node: Any, _scope: Scope) -> str:
    raise Unsupported("a sub-select in a constraint")


def default_row(shape: Shape) -> Row:
    """A row of nothing but defaults."""
    return dict(shape.defaults)
