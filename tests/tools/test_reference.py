"""docs/reference: every problem has its heading and advice, and the CLI's page shows every command."""

from __future__ import annotations

import typer

import reference
from problem_advice import ADVICE
from shunfu.kernel.errors import PROBLEMS


def test_every_problem_has_advice_and_a_heading() -> None:
    codes = [kind.code for kind in PROBLEMS]
    assert sorted(ADVICE) == sorted(codes)
    page = reference.problems()
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == codes


def test_the_page_of_problems_is_committed() -> None:
    assert (reference.REFERENCE / "problems.md").read_text("utf8") == reference.problems()


def test_commands_are_shown_with_options_and_examples() -> None:
    app = typer.Typer(help="Payments.")
    merchant = typer.Typer(help="Merchants.")
    app.add_typer(merchant, name="merchant")

    @merchant.command()
    def create(
        name: str = typer.Argument(help="its name"),
        colour: str = typer.Option("red", help="red | blue"),
    ) -> None:
        """Make a merchant.

        \b
        shunfu merchant create tea
        """

    page = reference.commands(app)
    assert "## `shunfu merchant create`" in page
    assert "| `NAME` | its name | required |" in page
    assert "| `--colour` | red \\| blue | `red` |" in page
    assert "```\nshunfu merchant create tea\n```" in page
