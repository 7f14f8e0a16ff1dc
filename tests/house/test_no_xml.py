"""XML is not parsed anywhere: no external entity, no billion laughs, because there is no parser to feed them to."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "shunfu"
PARSERS = {"xml", "lxml", "defusedxml", "xmltodict", "bs4", "html5lib", "plistlib", "pyexpat"}


def imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_no_module_imports_an_xml_parser() -> None:
    wrong = {
        str(path.relative_to(PACKAGE)): names
        for path in PACKAGE.rglob("*.py")
        if (names := imported(ast.parse(path.read_text("utf8"))) & PARSERS)
    }
    assert not wrong


def test_the_rule_sees_an_import() -> None:
    assert imported(ast.parse("import xml.etree\nfrom lxml import etree")) == {"xml", "lxml"}
