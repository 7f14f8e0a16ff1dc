"""Named SQL: found by name, read late, strict about its form."""

import pytest

from shunfu.db import named_queries
from shunfu.db.queries import parse_queries

GOOD = """-- about this file
-- name: one
-- The first.
SELECT 1;

-- name: two
-- The second.
-- scope: platform
SELECT 2
-- a remark inside
LIMIT 1;
"""


def test_statements_are_found_by_name() -> None:
    queries = parse_queries(GOOD, "here")
    assert list(queries) == ["one", "two"]
    assert queries["one"].text == "SELECT 1"
    assert queries["one"].purpose == "The first."
    assert not queries["one"].is_platform
    assert queries["two"].is_platform
    assert queries["two"].text == "SELECT 2\n-- a remark inside\nLIMIT 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\nSELECT 1", "no line of purpose"),
        ("-- name: a\n-- scope: platform\nSELECT 1", "no line of purpose"),
        ("-- name: a\n-- p\nSELECT 1;\n-- name: a\n-- p\nSELECT 1;", "used twice"),
        ("-- name: a\n-- p\n", "no statement"),
        ("SELECT 1;", "before the first"),
    ],
)
def test_malformed_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_queries(text, "here")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(KeyError, match="enqueue_job"):
        named_queries("shunfu.db")["no_such"]


def test_nothing_is_read_before_the_first_use() -> None:
    queries = named_queries("shunfu.no_such_room")
    with pytest.raises(ModuleNotFoundError):
        queries["any"]
