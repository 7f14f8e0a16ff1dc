"""The licence check: SPDX expressions, older prose, and imports of tools."""

from __future__ import annotations

import ast

import pytest

import licences


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("Apache-2.0 AND MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("GPL-3.0-or-later", False),
        ("(MIT OR GPL-2.0-only) AND ISC", True),
        ("(MIT AND GPL-2.0-only) OR LGPL-3.0-only", False),
        ("none stated", False),
        ("", False),
    ],
)
def test_expressions(expression: str, is_allowed: bool) -> None:
    assert licences.is_allowed(expression) is is_allowed


@pytest.mark.parametrize(
    ("metadata", "classifiers", "expression"),
    [
        ({"License-Expression": "MIT"}, ["License :: OSI Approved :: BSD License"], "MIT"),
        ({"License": "Apache 2.0"}, [], "Apache-2.0"),
        ({"License": "see file\nmore"}, ["License :: OSI Approved :: BSD License"], "BSD-3-Clause"),
        ({}, ["License :: OSI Approved :: ISC License (ISCL)"], "ISC"),
        ({"License": "Our own terms"}, [], "Our own terms"),
        ({}, [], "none stated"),
    ],
)
def test_older_metadata(metadata: dict[str, str], classifiers: list[str], expression: str) -> None:
    assert licences.expression_of(metadata, classifiers) == expression


def test_extras_are_followed_and_tools_are_not() -> None:
    lock = {
        "package": [
            {"name": "shunfu", "dependencies": [{"name": "a", "extra": ["x"]}], "dev-dependencies": {"dev": ["t"]}},
            {"name": "a", "dependencies": [{"name": "b"}], "optional-dependencies": {"x": [{"name": "c"}]}},
            {"name": "b", "dependencies": [{"name": "a"}]},
            {"name": "c"},
            {"name": "t"},
        ]
    }
    assert licences.runtime_names(lock) == ["a", "b", "c"]


def test_imports_are_seen() -> None:
    tree = ast.parse("import a.b, c\nfrom d.e import f\nfrom . import g\ndef h():\n    import i")
    assert set(licences.imported(tree)) == {"a", "c", "d", "i"}


def test_an_unknown_package_fails() -> None:
    assert licences.line_of("no-such-package").is_allowed is False
