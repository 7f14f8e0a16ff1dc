"""Settings: where a checkout may lead back to, and what is in force in this installation and since when it says so."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.checkout.kit import origin_of
from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, shown
from shunfu.console.kit import ActForm, FormField, Frame, MenuEntry
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, render_panels
from shunfu.db import Transaction
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.merchants import get_merchant, set_return_origins

PATH = "/console/settings"
READ = frozenset({"settings:read"})
ORIGINS_MAX = 20
ORIGINS_LENGTH = 2000


def render_settings(frame: Frame, origins: Sequence[str], settings: Sequence[tuple[str, str, str]]) -> str:
    """The merchant's own settings, and the installation's."""
    say = frame.say
    rows = [(Cell(name, is_code=True), Cell(value or "—"), Cell(source)) for name, value, source in settings]
    columns = [Column(say(f"console.settings.column.{name}")) for name in ("name", "value", "source")]
    may_write = "settings:write" in frame.visitor.caller.capabilities
    page = PanelPage(
        title=say("console.settings"),
        main=(
            Panel(
                say("console.settings.origins"),
                text=say("console.settings.origins.text"),
                columns=(Column(say("console.settings.origin")),),
                rows=[(Cell(one, is_code=True),) for one in origins],
                empty=Empty("link", say("console.settings.no_origin"), say("console.settings.no_origin.text")),
                acts=(_origins(frame, origins),) if may_write else (),
            ),
            Panel(
                say("console.settings.installation"),
                text=say("console.settings.installation.text"),
                columns=columns,
                rows=rows,
            ),
        ),
    )
    return render_panels(frame, "settings", page)


def _origins(frame: Frame, origins: Sequence[str]) -> ActForm:
    say = frame.say
    field = FormField(
        "origins",
        say("console.settings.origin"),
        "\n".join(origins),
        hint=say("console.settings.origin.hint"),
        length=ORIGINS_LENGTH,
        lines=4,
        is_needed=False,
    )
    return ActForm(f"{PATH}/origins", say("console.settings.save"), "", (field,))


def read_origins(text: str) -> tuple[str, ...]:
    """The origins of a text, one a line. Raises InvalidField for anything else in it."""
    found = tuple(dict.fromkeys(text.split()))
    if len(found) > ORIGINS_MAX or any(origin_of(one) != one for one in found):
        raise InvalidField(errors=(FieldError("/origins", "bad_format"),))
    return found


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of settings."""

    @router.get("/settings")
    async def settings(request: Request) -> Response:
        """What is in force."""

        async def draw(_: Request, frame: Frame) -> str:
            async with tools.payments.database.reading() as reader:
                merchant = await get_merchant(reader, frame.visitor.caller.merchant_id)
            return render_settings(frame, merchant.return_origins if merchant else (), tools.settings)

        return await shown(tools, request, READ, draw)

    @router.post("/settings/origins")
    async def origins(request: Request) -> Response:
        """Register the origins that a checkout may lead back to, instead of those before."""

        async def act(asked: Asked) -> Done:
            caller, wanted = asked.visitor.caller, read_origins(asked.fields.get("origins", ""))

            async def story(tx: Transaction) -> None:
                source = tools.payments.source
                await set_return_origins(tx, source, caller.merchant_id, wanted, actor=caller.subject)

            await tools.payments.database.transact(story)
            return Done(PATH, "origins_set")

        return await acted(tools, request, Guard("settings:write", PATH, is_grave=True), act)


SECTION = Section(MenuEntry("settings", PATH, "console.settings", "gear", READ, "console.group.setup"), add_routes)
