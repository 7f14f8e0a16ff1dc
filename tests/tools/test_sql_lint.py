"""The linter of named SQL: what it must let pass, and one bad sample for each rule that must fail."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "sql_lint.py"

SCHEMA = """
CREATE TABLE orders (merchant_id uuid NOT NULL, id uuid NOT NULL, amount_minor bigint NOT NULL, note text,
    PRIMARY KEY (merchant_id, id), UNIQUE (merchant_id, note));
CREATE TABLE lines (merchant_id uuid NOT NULL, order_id uuid NOT NULL, n integer NOT NULL,
    PRIMARY KEY (merchant_id, order_id, n),
    FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id));
CREATE VIEW payments_view_orders AS SELECT merchant_id, id FROM orders;
CREATE INDEX ON orders (note);
GRANT SELECT ON orders, lines, payments_view_orders TO shunfu_app;
"""


def load() -> ModuleType:
    """The tool as a module: it stands in no package."""
    spec = importlib.util.spec_from_file_location("sql_lint", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(TOOL.parent))
    spec.loader.exec_module(module)
    sys.path.remove(str(TOOL.parent))
    return module


SQL_LINT = load()


def run(folder: Path, queries: str, *, room: str = "payments", schema: str = "") -> str:
    """What the tool finds for a room with this query and this addition to its schema."""
    for each, text in (("payments", SCHEMA), (room, "")):
        (folder / each / "schema").mkdir(parents=True, exist_ok=True)
        (folder / each / "schema" / "0001_first.sql").write_text(text or (SCHEMA if each == "payments" else ""))
    (folder / "payments" / "schema" / "0002_second.sql").write_text(schema)
    if queries:
        platform = "-- scope: platform\n" if queries.startswith("PLATFORM ") else ""
        body = queries.removeprefix("PLATFORM ")
        (folder / room / "queries.sql").write_text(f"-- name: sample\n-- A sample.\n{platform}{body}\n")
    return "\n".join(SQL_LINT.lint(folder))


GOOD = [
    "SELECT id FROM orders WHERE merchant_id = $1 AND id = $2",
    "SELECT id FROM orders WHERE (merchant_id, id) = ($1, $2)",
    """SELECT o.id FROM orders o JOIN lines l ON l.merchant_id = o.merchant_id AND l.order_id = o.id
    WHERE o.merchant_id = $1""",
    "SELECT o.id FROM orders o LEFT JOIN lines l ON l.merchant_id = $1 WHERE o.merchant_id = $1::uuid",
    """SELECT id FROM orders o WHERE merchant_id = $1
    AND EXISTS (SELECT 1 FROM lines l WHERE l.merchant_id = o.merchant_id)""",
    """WITH due AS (SELECT id FROM orders WHERE merchant_id = $1 FOR UPDATE SKIP LOCKED)
    UPDATE orders SET note = $2 FROM due WHERE orders.merchant_id = $1 AND orders.id = due.id RETURNING orders.id""",
    "INSERT INTO orders (merchant_id, id, amount_minor) VALUES ($1, $2, $3) ON CONFLICT (merchant_id, id) DO NOTHING",
    "INSERT INTO lines (merchant_id, order_id, n) SELECT $1, $2, n FROM unnest($3::int[]) AS each (n)",
    """WITH made AS (INSERT INTO orders (merchant_id, id, amount_minor) VALUES ($1, $2, $3) RETURNING merchant_id, id)
    INSERT INTO lines (merchant_id, order_id, n) SELECT merchant_id, id, 1 FROM made""",
    "SELECT o.id FROM orders o WHERE o.merchant_id = $1 FOR UPDATE OF o",
    "SELECT 1",
]

BAD = [
    ("SELECT id FROM orders WHERE id = $1", "orders: merchant_id is not fixed"),
    ("SELECT id FROM orders WHERE merchant_id = $1 OR id = $2", "not fixed"),
    ("SELECT id FROM orders WHERE merchant_id <> $1", "not fixed"),
    ("SELECT id FROM orders WHERE merchant_id = id", "not fixed"),
    ("SELECT id FROM orders WHERE merchant_id = ANY($1)", "not fixed"),
    ("SELECT id FROM orders WHERE NOT (merchant_id = $1)", "not fixed"),
    ("SELECT o.id FROM orders o JOIN lines l ON l.order_id = o.id WHERE o.merchant_id = $1", "lines: merchant_id"),
    ("SELECT o.id FROM orders o, lines l WHERE l.merchant_id = o.merchant_id", "not fixed"),
    ("SELECT id FROM orders WHERE merchant_id = $1 AND id IN (SELECT order_id FROM lines)", "lines: merchant_id"),
    ("SELECT (SELECT count(*) FROM lines) FROM orders WHERE merchant_id = $1", "lines: merchant_id"),
    ("SELECT id FROM orders WHERE merchant_id = $1 UNION SELECT order_id FROM lines", "lines: merchant_id"),
    ("WITH a AS (SELECT id FROM orders) SELECT * FROM a", "orders: merchant_id"),
    ("SELECT * FROM (SELECT id FROM orders) AS a", "orders: merchant_id"),
    ("UPDATE orders SET note = $1 WHERE id = $2", "not fixed"),
    ("UPDATE orders SET merchant_id = $1 WHERE merchant_id = $2", "never changes"),
    ("DELETE FROM orders", "not fixed"),
    ("DELETE FROM orders USING lines l WHERE orders.merchant_id = $1 AND orders.id = l.order_id", "lines: merchant_id"),
    ("INSERT INTO orders VALUES ($1, $2, $3)", "must name the column"),
    ("INSERT INTO orders (id, amount_minor) VALUES ($1, $2)", "must name the column"),
    ("INSERT INTO orders (merchant_id, id, amount_minor) VALUES (DEFAULT, $1, $2)", "must be a parameter"),
    (
        "INSERT INTO orders (merchant_id, id, amount_minor) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
        "ON CONFLICT",
    ),
    ("INSERT INTO lines (merchant_id, order_id, n) SELECT merchant_id, id, 1 FROM orders", "orders: merchant_id"),
    ("SELECT 1; SELECT 2", "exactly one"),
    ("SELEC 1", "does not parse"),
    ("LOCK TABLE orders", "must be SELECT"),
    ("LISTEN jobs", "must be SELECT"),
    ("DO $$ BEGIN END $$", "must be SELECT"),
    ("SELECT now()", "now()"),
    ("SELECT CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
    ("INSERT INTO orders (merchant_id, id, amount_minor) VALUES ($1, gen_random_uuid(), $2)", "gen_random_uuid()"),
    ("SELECT nextval('s')", "nextval()"),
    ("SELECT pg_advisory_xact_lock($1)", "pg_advisory_xact_lock()"),
    ("SELECT pg_catalog.pg_try_advisory_lock($1)", "pg_try_advisory_lock()"),
    ("SELECT 1 FROM nowhere", "nowhere: no schema file"),
    ("PLATFORM SELECT merchant_id FROM orders LIMIT $1", "not for the room payments"),
]

BAD_SCHEMA = [
    ("CREATE TABLE t (merchant_id uuid, id uuid, PRIMARY KEY (id))", "keys must begin"),
    ("CREATE TABLE t (merchant_id uuid, id uuid PRIMARY KEY)", "keys must begin"),
    ("CREATE TABLE t (merchant_id uuid, id uuid)", "no primary key"),
    ("CREATE TABLE t (id uuid PRIMARY KEY)", "needs a column merchant_id"),
    ("CREATE TABLE t (merchant_id text PRIMARY KEY)", "of type uuid"),
    ("CREATE TABLE t (merchant_id uuid, id uuid UNIQUE, PRIMARY KEY (merchant_id))", "keys must begin"),
    ("CREATE TABLE t (merchant_id uuid PRIMARY KEY, id uuid REFERENCES orders (id))", "foreign keys must begin"),
    ("CREATE TABLE t (merchant_id uuid PRIMARY KEY, n bigserial)", "ids come from"),
    ("CREATE TABLE t (merchant_id uuid PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY)", "identity"),
    ("CREATE TABLE t (merchant_id uuid PRIMARY KEY, at timestamptz DEFAULT now())", "now()"),
    ("CREATE TABLE t (merchant_id uuid PRIMARY KEY, amount double precision)", "amounts are integers"),
    ("CREATE TABLE t (merchant_id uuid, n int, PRIMARY KEY (merchant_id) DEFERRABLE)", "deferrable"),
    ("CREATE TABLE t (merchant_id uuid PRIMARY KEY, EXCLUDE (merchant_id WITH =))", "exclusion"),
    ("CREATE UNLOGGED TABLE t (merchant_id uuid PRIMARY KEY)", "ordinary table"),
    ("CREATE TABLE t (merchant_id uuid PRIMARY KEY)", "t: no GRANT"),
    ("ALTER TABLE orders ADD UNIQUE (id)", "keys must begin"),
    ("ALTER TABLE orders ADD COLUMN n serial", "ids come from"),
    ("CREATE UNIQUE INDEX i ON orders (id)", "unique index must begin"),
    ("CREATE INDEX i ON orders USING gist (note)", "gist"),
    ("CREATE TRIGGER x AFTER INSERT ON orders EXECUTE FUNCTION f()", "CreateTrigStmt"),
    ("CREATE RULE r AS ON INSERT TO orders DO NOTHING", "RuleStmt"),
    ("CREATE EXTENSION pgcrypto", "CreateExtensionStmt"),
    ("CREATE SEQUENCE s", "CreateSeqStmt"),
    ("CREATE TYPE channel AS ENUM ('a')", "CreateEnumStmt"),
    ("CREATE VIEW orders_of_all AS SELECT 1", "is called payments_view_"),
    ("CREATE TABEL t ()", "does not parse"),
]


@pytest.mark.parametrize("query", GOOD)
def test_good_queries_pass(tmp_path: Path, query: str) -> None:
    assert run(tmp_path, query) == ""


@pytest.mark.parametrize(("query", "message"), BAD)
def test_bad_queries_fail(tmp_path: Path, query: str, message: str) -> None:
    assert message in run(tmp_path, query)


@pytest.mark.parametrize(("schema", "message"), BAD_SCHEMA)
def test_bad_schemas_fail(tmp_path: Path, schema: str, message: str) -> None:
    assert message in run(tmp_path, "", schema=schema)


def test_a_table_belongs_to_its_room_and_views_are_read_from_above(tmp_path: Path) -> None:
    table, view = (
        "SELECT id FROM orders WHERE merchant_id = $1",
        "SELECT id FROM payments_view_orders WHERE merchant_id = $1",
    )
    assert "is a table of payments" in run(tmp_path / "a", table, room="refunds")
    assert run(tmp_path / "b", view, room="refunds") == ""
    assert "does not stand above" in run(tmp_path / "c", view, room="ledger")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("PLATFORM SELECT merchant_id FROM payments_view_orders LIMIT $1", ""),
        ("PLATFORM SELECT merchant_id FROM payments_view_orders", "needs a LIMIT"),
        ("PLATFORM SELECT merchant_id FROM payments_view_orders LIMIT $1 FOR UPDATE", "may not lock"),
        ("PLATFORM DELETE FROM payments_view_orders", "may only SELECT"),
        ("SELECT merchant_id FROM payments_view_orders LIMIT $1", "not fixed"),
    ],
)
def test_the_platform_scope_is_narrow(tmp_path: Path, query: str, message: str) -> None:
    answer = run(tmp_path, query, room="inspections")
    assert message in answer
    assert bool(message) == bool(answer)


def test_the_command_prints_and_fails(tmp_path: Path) -> None:
    (tmp_path / "payments").mkdir()
    (tmp_path / "payments" / "queries.sql").write_text("-- name: a\nSELECT 1;\n")
    answer = subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True, check=False)
    assert (answer.returncode, "no line of purpose" in answer.stdout) == (1, True)
    (tmp_path / "payments" / "queries.sql").write_text("-- name: a\n-- One.\nSELECT 1;\n")
    answer = subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_the_database_room_itself_passes() -> None:
    assert [each for each in SQL_LINT.lint(ROOT / "src" / "shunfu") if each.startswith("db/")] == []
