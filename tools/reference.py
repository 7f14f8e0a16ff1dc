"""`make reference`: writes docs/reference from the code. With --check it writes nothing and fails on drift.

openapi.json from shunfu.app.openapi, problems.md from the problem table, cli.md from the commands, settings.md from
shunfu.app.settings. What the code does not have yet is left out, with a line that says so.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

import openapi_gate
from problem_advice import ADVICE
from shunfu.kernel.errors import PROBLEMS

REFERENCE = openapi_gate.REFERENCE
SOURCE = openapi_gate.ROOT / "src" / "shunfu" / "app"
MADE = "<!-- Made by `make reference` from the code: change the code. -->\n"


def problems() -> str:
    """The page behind every problem document's `type`."""
    lines = [
        MADE,
        "# Problems",
        "",
        "Every error of `/v1` is an RFC 9457 document (`application/problem+json`). Its `type` is `/problems/<code>`,",
        "a heading of this page, and codes are never renamed. `detail` is for people and may change.",
        "",
        "| code | status | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| [`{kind.code}`](#{kind.code}) | {kind.status} | {_first_line(kind)} |" for kind in PROBLEMS]
    for kind in PROBLEMS:
        english, chinese = ADVICE[kind.code]
        lines += ["", f"## {kind.code}", "", f"{kind.status}. {_first_line(kind)}", "", english, "", chinese]
    return "\n".join(lines) + "\n"


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A markdown table, bars in cells escaped."""
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def commands(application: typer.Typer) -> str:
    """All commands of the CLI with their arguments and options."""
    lines = [MADE, "# The command `shunfu`", ""]
    lines += _command(typer.main.get_command(application), "shunfu")
    return "\n".join(lines).rstrip() + "\n"


def _command(command: Any, name: str) -> Iterator[str]:
    """A command's help, its options, then its sub-commands. Any: typer's classes are private or click's, by version."""
    if command.help:
        yield from (_prose(command.help), "")
    rows = [_parameter(parameter) for parameter in command.params if "completion" not in parameter.name]
    if rows:
        yield from table(("option", "meaning", "default"), rows)
        yield ""
    for child, found in getattr(command, "commands", {}).items():
        if not found.hidden:
            yield from (f"## `{name} {child}`", "")
            yield from _command(found, f"{name} {child}")


def _prose(text: str) -> str:
    """Help text as markdown: click marks a paragraph that keeps its line ends with \\b."""
    paragraphs = text.replace("\f", "").strip().split("\n\n")
    return "\n\n".join(_paragraph(paragraph.strip()) for paragraph in paragraphs)


def _paragraph(text: str) -> str:
    if text.startswith("Example: "):
        return f"Example: `{text.removeprefix('Example: ')}`"
    return f"```\n{text[1:].strip()}\n```" if text.startswith("\b") else text


def _parameter(parameter: Any) -> tuple[str, str, str]:
    is_option = parameter.param_type_name == "option"
    options = [*parameter.opts, *parameter.secondary_opts] if is_option else [parameter.name.upper()]
    names = ", ".join(f"`{option}`" for option in options)
    if parameter.required:
        return names, parameter.help or "", "required"
    is_plain = isinstance(parameter.default, (str, int, float, Path)) and not isinstance(parameter.default, bool)
    return names, parameter.help or "", f"`{parameter.default}`" if is_plain else ""


def cli() -> str | None:
    """The CLI's page, or None while shunfu.app.cli has no Typer application named `app`."""
    if not (SOURCE / "cli").exists():
        return None
    application: object = getattr(importlib.import_module("shunfu.app.cli"), "app", None)
    return commands(application) if isinstance(application, typer.Typer) else None


def settings() -> str | None:
    """The settings' page, or None while shunfu.app.settings has no `describe()`: rows of name, default and meaning."""
    if not (SOURCE / "settings.py").exists() and not (SOURCE / "settings").exists():
        return None
    describe: Callable[[], list[tuple[str, str, str]]] | None = getattr(
        importlib.import_module("shunfu.app.settings"), "describe", None
    )
    if describe is None:
        return None
    rows = [
        (f"`{name}`", f"`SHUNFU_{name.upper()}`", f"`{default}`" if default else "", text)
        for name, default, text in describe()
    ]
    head = ("in shunfu.toml", "in the environment", "default", "meaning")
    intro = "`shunfu.toml`, overridden by the environment, overridden by flags. Unknown names are errors."
    return "\n".join([MADE, "# Settings", "", intro, "", *table(head, rows)]) + "\n"


def openapi() -> str | None:
    """The committed OpenAPI document, or None while the code prints none."""
    document = openapi_gate.generated()
    return None if document is None else openapi_gate.canonical(document)


PAGES: dict[str, Callable[[], str | None]] = {
    "problems.md": problems,
    "cli.md": cli,
    "settings.md": settings,
    "openapi.json": openapi,  # last: it imports the whole server, and a fault there keeps none of the others back
}


def main(arguments: list[str]) -> int:
    """Exit code: 0 when written, or with --check when nothing differs."""
    is_check = "--check" in arguments
    drift = 0
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if text is None:
            print(f"reference: {name}: the code has nothing to say yet")
        elif not path.exists() or path.read_text("utf8") != text:
            drift += 1
            print(f"reference: {name} {'differs from the code: run `make reference`' if is_check else 'written'}")
            if not is_check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf8")
    if not is_check and openapi_gate.COMMITTED.exists() and not openapi_gate.BASELINE.exists():
        openapi_gate.BASELINE.write_text(openapi_gate.COMMITTED.read_text("utf8"), "utf8")
        print("reference: openapi.baseline.json begun from openapi.json")
    return 1 if is_check and drift else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
