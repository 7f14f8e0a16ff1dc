"""Proves the house's database rules on every named query and every schema file.

    python tools/sql_lint.py src/shunfu      # prints each violation, exit code 1 if there is one

Uses pglast (GPL-3.0), PostgreSQL's own parser: a tool beside the program, never imported by it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pglast import ast, enums, parse_sql
from pglast.parser import ParseError

from shunfu.db.queries import parse_queries
from sql_routing import KEY, Book, Node, Routing, Scope, descend, is_a

ROOMS = (
    *("kernel", "db", "gateway", "driver", "merchants", "ledger", "webhooks"),
    *("shoppers", "risk", "offers", "telemetry", "auditor"),
    *("notifications", "payments", "refunds", "reconcile", "checkout", "support", "inspections", "notices", "console"),
    "app",
)
PLATFORM_ROOMS = {"db", "merchants", "inspections", "console", "reconcile"}  # merchants: the list of tenants itself
OWN_BOOKKEEPING = {"schema_migrations"}
FORBIDDEN_CALLS = {
    *("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"),
    *("gen_random_uuid", "uuidv4", "uuidv7", "uuid_generate_v4", "random"),
    *("nextval", "currval", "setval", "lastval", "pg_notify", "pg_sleep", "dblink", "set_config"),
}
FORBIDDEN_TYPES = {
    **dict.fromkeys(("serial", "bigserial", "smallserial", "serial4", "serial8"), "ids come from the application"),
    **dict.fromkeys(("float4", "float8", "money"), "amounts are integers"),
}
SCHEMA_STATEMENTS = (
    *(ast.CreateStmt, ast.IndexStmt, ast.ViewStmt, ast.GrantStmt, ast.CommentStmt, ast.AlterTableStmt),
    *(ast.RenameStmt, ast.DropStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt),
)


def lint(root: Path) -> list[str]:
    """Every violation beneath a package folder, each with its file and query."""
    book = Book()
    found: list[str] = []
    for file in sorted(root.glob("*/schema/*.sql")):
        room = file.parent.parent.name
        found += [f"{room}/schema/{file.name}: {problem}" for problem in lint_schema(file.read_text(), room, book)]
    ungranted = sorted(set(book.owner) - book.granted - OWN_BOOKKEEPING)
    found += [f"{book.owner[name]}/schema: {name}: no GRANT for shunfu_app is written" for name in ungranted]
    for file in sorted(root.glob("*/queries.sql")):
        found += lint_queries(file.read_text(), file.parent.name, book)
    return found


# --- queries ---------------------------------------------------------------------------------------------------------


def lint_queries(text: str, room: str, book: Book) -> list[str]:
    """The violations in a room's queries.sql."""
    try:
        queries = parse_queries(text, f"{room}/queries.sql")
    except ValueError as error:
        return [str(error)]
    found: list[str] = []
    for query in queries.values():
        try:
            statements = parse_sql(query.text)
        except ParseError as error:
            problems = [f"does not parse: {error}"]
        else:
            problems = _query_problems(statements, room, book, is_platform=query.is_platform)
        found += [f"{room}/queries.sql: {query.name}: {problem}" for problem in dict.fromkeys(problems)]
    return found


def _query_problems(statements: Any, room: str, book: Book, *, is_platform: bool) -> Iterator[str]:
    if len(statements) != 1:
        yield "must be exactly one statement"
        return
    statement = statements[0].stmt
    if not isinstance(statement, (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)):
        yield "must be SELECT, INSERT, UPDATE or DELETE"
        return
    yield from _relation_problems(statement, room, book)
    yield from _call_problems(statement)
    if is_platform:
        yield from _platform_problems(statement, room)
    else:
        yield from Routing(book).problems(statement, Scope())


def _relation_problems(statement: Node, room: str, book: Book) -> Iterator[str]:
    ctes = {cte.ctename for cte in descend(statement, ast.CommonTableExpr)}
    locked = [each for clause in descend(statement, ast.LockingClause) for each in clause.lockedRels or ()]
    for relation in descend(statement, ast.RangeVar):
        name = relation.relname
        if name in ctes or any(relation is alias for alias in locked):
            continue
        owner = book.owner.get(name)
        if owner is None:
            yield f"{name}: no schema file makes it"
        elif owner != room and name not in book.views:
            yield f"{name}: is a table of {owner}; call its use-cases or read its views"
        elif owner != room and not _is_above(room, owner):
            yield f"{name}: {room} does not stand above {owner}"


def _is_above(room: str, other: str) -> bool:
    return room in ROOMS and other in ROOMS and ROOMS.index(room) > ROOMS.index(other)


def _call_problems(statement: Node) -> Iterator[str]:
    for call in descend(statement, ast.FuncCall):
        name = call.funcname[-1].sval
        if name in FORBIDDEN_CALLS or "advisory" in name:
            yield f"{name}(): pass the value in as a parameter, or do without"
    if any(True for _ in descend(statement, ast.SQLValueFunction)):
        yield "CURRENT_TIMESTAMP and its like: pass `now` in as a parameter"


def _platform_problems(statement: Node, room: str) -> Iterator[str]:
    if room not in PLATFORM_ROOMS:
        yield f"scope platform is not for the room {room}"
    nodes = list(descend(statement, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt))
    if not is_a(statement, ast.SelectStmt) or nodes:
        yield "scope platform may only SELECT"
        return
    if any(True for _ in descend(statement, ast.LockingClause)):
        yield "scope platform may not lock rows"
    if statement.limitCount is None:
        yield "scope platform needs a LIMIT"


# --- schema files ----------------------------------------------------------------------------------------------------


def lint_schema(text: str, room: str, book: Book) -> Iterator[str]:
    """The violations in a schema file; notes in `book` what it makes."""
    try:
        statements = parse_sql(text)
    except ParseError as error:
        yield f"does not parse: {error}"
        return
    for raw in statements:
        yield from _schema_problems(raw.stmt, room, book)


def _schema_problems(statement: Node, room: str, book: Book) -> Iterator[str]:
    if is_a(statement, ast.CreateStmt):
        yield from _table_problems(statement, room, book)
    elif is_a(statement, ast.AlterTableStmt):
        yield from _alter_problems(statement)
    elif is_a(statement, ast.IndexStmt):
        yield from _index_problems(statement)
    elif is_a(statement, ast.ViewStmt):
        yield from _view_problems(statement, room, book)
    elif is_a(statement, ast.GrantStmt) and statement.objtype == enums.ObjectType.OBJECT_TABLE:
        book.granted |= {each.relname for each in statement.objects}
    elif not is_a(statement, *SCHEMA_STATEMENTS):
        yield f"{type(statement).__name__} is outside the portable subset"


def _view_problems(statement: Node, room: str, book: Book) -> Iterator[str]:
    name = statement.view.relname
    book.owner[name] = room
    book.views.add(name)
    book.keyed.add(name)
    if not name.startswith(f"{room}_view_"):
        yield f"{name}: a view of this room is called {room}_view_…"


def _table_problems(statement: Node, room: str, book: Book) -> Iterator[str]:
    name = statement.relation.relname
    book.owner[name] = room
    columns = {each.colname: each for each in statement.tableElts or () if is_a(each, ast.ColumnDef)}
    if KEY in columns:
        book.keyed.add(name)
    if name in OWN_BOOKKEEPING:
        return
    if statement.relation.relpersistence != "p" or statement.inhRelations:
        yield f"{name}: must be an ordinary table"
    if KEY not in columns or columns[KEY].typeName.names[-1].sval != "uuid":
        yield f"{name}: needs a column {KEY} of type uuid"
    for column in columns.values():
        yield from _column_problems(name, column)
    constraints = [each for each in statement.tableElts or () if is_a(each, ast.Constraint)]
    for constraint in constraints:
        yield from _constraint_problems(name, constraint, None)
    inline = [each for column in columns.values() for each in column.constraints or ()]
    if not any(each.contype == enums.ConstrType.CONSTR_PRIMARY for each in (*constraints, *inline)):
        yield f"{name}: has no primary key"


def _column_problems(table: str, column: Node) -> Iterator[str]:
    kind = column.typeName.names[-1].sval
    if kind in FORBIDDEN_TYPES:
        yield f"{table}.{column.colname}: {kind}: {FORBIDDEN_TYPES[kind]}"
    yield from (f"{table}.{column.colname}: {problem}" for problem in _call_problems(column))
    for constraint in column.constraints or ():
        yield from _constraint_problems(table, constraint, column.colname)


def _constraint_problems(table: str, constraint: Node, column: str | None) -> Iterator[str]:
    kinds = enums.ConstrType
    deferred = {kinds.CONSTR_ATTR_DEFERRABLE, kinds.CONSTR_ATTR_DEFERRED}
    if constraint.deferrable or constraint.contype in deferred:
        yield f"{table}: deferrable constraints are outside the portable subset"
    match constraint.contype:
        case kinds.CONSTR_PRIMARY | kinds.CONSTR_UNIQUE:
            if not constraint.indexname and _first(constraint.keys, column) != KEY:
                yield f"{table}: its keys must begin with {KEY}"
        case kinds.CONSTR_FOREIGN:
            target = constraint.pk_attrs[0].sval if constraint.pk_attrs else KEY
            if _first(constraint.fk_attrs, column) != KEY or target != KEY:
                yield f"{table}: its foreign keys must begin with {KEY}"
        case kinds.CONSTR_EXCLUSION:
            yield f"{table}: exclusion constraints are outside the portable subset"
        case kinds.CONSTR_IDENTITY:
            yield f"{table}: identity columns: ids come from the application"
        case _:
            return


def _first(names: Any, column: str | None) -> str | None:
    return names[0].sval if names else column


def _alter_problems(statement: Node) -> Iterator[str]:
    table = statement.relation.relname
    for command in statement.cmds:
        if is_a(command.def_, ast.ColumnDef):
            yield from _column_problems(table, command.def_)
        elif is_a(command.def_, ast.Constraint):
            yield from _constraint_problems(table, command.def_, None)


def _index_problems(statement: Node) -> Iterator[str]:
    name = statement.idxname
    if statement.unique and statement.indexParams[0].name != KEY:
        yield f"{name}: a unique index must begin with {KEY}"
    if statement.accessMethod not in {"btree", "gin", "hash", None}:
        yield f"{name}: {statement.accessMethod} indexes are outside the portable subset"


def main() -> int:
    """Print every violation; 1 if there is one."""
    if len(sys.argv) != 2:
        print("usage: python tools/sql_lint.py src/shunfu", file=sys.stderr)
        return 2
    found = lint(Path(sys.argv[1]))
    for violation in found:
        print(violation)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
