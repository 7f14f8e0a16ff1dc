"""Offers: what is taken off, for whom and until when; making one and ending it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.checkout.kit import moment_text
from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, part_of, shown
from shunfu.console.forms import Fields, is_line
from shunfu.console.kit import ActForm, Chip, Fact, FormField, Frame, Listing, MenuEntry, plain_chip
from shunfu.console.model import PAGE_ROWS
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, page_links, render_panels
from shunfu.console.sections.rows import filters
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.ids import public
from shunfu.kernel.money import EXPONENTS, Money
from shunfu.kernel.plain import SHANGHAI, amount_text
from shunfu.merchants.api import path_id
from shunfu.offers import (
    NewOffer,
    Offer,
    OfferState,
    OfferTools,
    Terms,
    create_offer,
    end_offer,
    list_offers,
    read_offer,
)

PATH = "/console/offers"
READ = frozenset({"offers:read"})
STATES = ("ACTIVE", "ENDED")
CURRENCY = "CNY"
DAYS = 30
"""How long an offer runs unless told otherwise."""
_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def render_offers(frame: Frame, offers: Sequence[Offer], listing: Listing, now: datetime) -> str:
    """Offers, newest first, and making one."""
    say = frame.say
    rows = [
        (
            Cell(one.name, f"{PATH}/{public('off', one.offer_id)}", note=_size(frame, one.terms)),
            Cell(chip=_chip(frame, one, now)),
            Cell(moment_text(one.terms.ends_at)),
            Cell(f"{one.held:,}"),
            Cell(_of_stock(one)),
        )
        for one in offers
    ]
    names = ("name", "state", "ends", "held", "used")
    columns = [Column(say(f"console.offers.column.{name}"), name in {"held", "used"}) for name in names]
    empty = Empty("tag", say("console.offers.none"), say("console.offers.none.text"))
    page = PanelPage(
        title=say("console.offers"),
        filters=filters(frame, listing, PATH, {state: say(f"console.state.offer.{state}") for state in STATES}),
        main=(Panel(say("console.offers"), columns=columns, rows=rows, empty=empty),),
        side=(_new_offer(frame, now),) if "offers:write" in frame.visitor.caller.capabilities else (),
        pages=page_links(frame, listing, PATH),
    )
    return render_panels(frame, "offers", page)


def render_offer(frame: Frame, offer: Offer, now: datetime) -> str:
    """One offer: its terms, how often it was had, and ending it."""
    say, terms, number = frame.say, offer.terms, public("off", offer.offer_id)
    never = say("console.offers.no_limit")
    told = {
        "size": _size(frame, terms),
        "minimum": amount_text(Money(terms.minimum_minor, terms.currency)),
        "starts": moment_text(terms.starts_at),
        "ends": moment_text(terms.ends_at),
        "stock": f"{terms.stock:,}" if terms.stock else never,
        "per_shopper": str(terms.per_shopper_max or never),
        "held": f"{offer.held:,}",
        "used": f"{offer.used:,}",
    }
    acts: tuple[ActForm, ...] = ()
    if offer.state is OfferState.ACTIVE and "offers:write" in frame.visitor.caller.capabilities:
        text = say("console.offers.end.text")
        acts = (ActForm(f"{PATH}/{number}/end", say("console.offers.end"), text, is_danger=True),)
    page = PanelPage(
        title=say("console.offers.one"),
        lead=offer.name,
        chip=_chip(frame, offer, now),
        number=number,
        main=(
            Panel(
                say("console.facts"),
                facts=[Fact(say(f"console.offers.fact.{name}"), text) for name, text in told.items()],
            ),
        ),
        side=(Panel(say("console.acts"), acts=acts),) if acts else (),
    )
    return render_panels(frame, "offers", page)


def _size(frame: Frame, terms: Terms) -> str:
    """What is taken off, in words."""
    if terms.amount_minor is not None:
        return frame.say("console.offers.size.amount", amount=amount_text(Money(terms.amount_minor, terms.currency)))
    percent = f"{Decimal(terms.percent_bp or 0).scaleb(-2).normalize():f}"
    if terms.cap_minor is None:
        return frame.say("console.offers.size.percent", percent=percent)
    cap = amount_text(Money(terms.cap_minor, terms.currency))
    return frame.say("console.offers.size.capped", percent=percent, amount=cap)


def _of_stock(offer: Offer) -> str:
    return f"{offer.used:,} / {offer.terms.stock:,}" if offer.terms.stock else f"{offer.used:,}"


def _chip(frame: Frame, offer: Offer, now: datetime) -> Chip:
    say, terms = frame.say, offer.terms
    if offer.state is OfferState.ENDED or now >= terms.ends_at:
        return plain_chip(say("console.state.offer.ENDED"), "x", "")
    if now < terms.starts_at:
        return plain_chip(say("console.offers.waits"), "clock", "warn")
    return plain_chip(say("console.state.offer.ACTIVE"), "check", "ok")


def _new_offer(frame: Frame, now: datetime) -> Panel:
    say = frame.say
    last = (now.astimezone(SHANGHAI) + timedelta(days=DAYS)).date()
    kinds = [(kind, say(f"console.offers.kind.{kind}")) for kind in ("amount_off", "percent_off")]
    fields = (
        FormField("offer_name", say("console.offers.column.name"), hint=say("console.offers.name.hint"), length=60),
        FormField("kind", say("console.offers.kind"), options=kinds),
        FormField("size", say("console.offers.fact.size"), hint=say("console.offers.size.hint"), length=20),
        FormField("minimum", say("console.offers.fact.minimum"), length=20, is_needed=False),
        FormField("cap", say("console.offers.cap"), hint=say("console.offers.cap.hint"), length=20, is_needed=False),
        FormField("last_day", say("console.offers.last_day"), last.isoformat(), type="date", length=10),
        FormField("stock", say("console.offers.fact.stock"), length=9, is_needed=False),
        FormField("per_shopper", say("console.offers.fact.per_shopper"), length=4, is_needed=False),
    )
    act = ActForm(PATH, say("console.offers.make"), say("console.offers.make.text"), fields, is_main=True)
    return Panel(say("console.offers.new"), acts=(act,))


def read_terms(fields: Fields, now: datetime) -> Terms:
    """The terms in a form: amounts in major units, a percentage with up to two places. Raises InvalidField."""
    is_percent = fields.get("kind") == "percent_off"
    size = _minor(fields, "size")
    if size is None or (is_percent and size > 10_000):
        raise _wrong("size")
    return Terms(
        kind="percent_off" if is_percent else "amount_off",
        currency=CURRENCY,
        starts_at=now,
        ends_at=_end_of(fields.get("last_day", "")),
        amount_minor=None if is_percent else size,
        percent_bp=size if is_percent else None,
        minimum_minor=_minor(fields, "minimum") or 0,
        cap_minor=_minor(fields, "cap") if is_percent else None,
        stock=_count(fields, "stock"),
        per_shopper_max=_count(fields, "per_shopper"),
    )


def _minor(fields: Fields, name: str) -> int | None:
    """What a field says in hundredths: fen, or basis points; None when it is empty. Raises InvalidField."""
    assert EXPONENTS[CURRENCY] == 2, "a percentage and an amount are read alike"
    text = fields.get(name, "").strip()
    if not text:
        return None
    read = Money.read(text, CURRENCY)
    if read is None:
        raise _wrong(name)
    return read.minor


def _count(fields: Fields, name: str) -> int | None:
    text = fields.get(name, "").strip()
    if not text:
        return None
    if _COUNT.fullmatch(text) is None:
        raise _wrong(name)
    return int(text)


def _end_of(day: str) -> datetime:
    """The midnight in Shanghai that ends a day. Raises InvalidField."""
    try:
        last = date.fromisoformat(day)
        return datetime.combine(last + timedelta(days=1), time(), SHANGHAI)
    except (ValueError, OverflowError):
        raise _wrong("last_day") from None


def _wrong(name: str) -> InvalidField:
    return InvalidField(errors=(FieldError(f"/{name}", "not_valid"),))


def _tools(tools: ConsoleTools) -> OfferTools:
    return OfferTools(tools.payments.database, tools.payments.source)


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of offers."""
    _add_reading(router, tools)
    _add_acting(router, tools)


def _add_reading(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/offers")
    async def offers(request: Request) -> Response:
        """Offers, newest first."""

        async def draw(request: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            part = part_of(tools, request, merchant_id, "offers", STATES)
            found = await list_offers(_tools(tools), merchant_id, part.before, state=part.state, limit=PAGE_ROWS + 1)
            rows, listing = part.cut(found, lambda offer: offer.offer_id)
            return render_offers(frame, rows, listing, tools.payments.now())

        return await shown(tools, request, READ, draw)

    @router.get("/offers/{offer_id}")
    async def offer(request: Request, offer_id: str) -> Response:
        """One offer."""

        async def draw(_: Request, frame: Frame) -> str:
            found = await read_offer(_tools(tools), frame.visitor.caller.merchant_id, path_id("off", offer_id))
            return render_offer(frame, found, tools.payments.now())

        return await shown(tools, request, READ, draw)


def _add_acting(router: APIRouter, tools: ConsoleTools) -> None:
    @router.post("/offers")
    async def make(request: Request) -> Response:
        """Make an offer that runs from now on."""

        async def act(asked: Asked) -> Done:
            caller, offer_id = asked.visitor.caller, asked.made_id(tools)
            name = asked.fields.get("offer_name", "").strip()
            if offer_id is None or not is_line(name, 60):
                raise _wrong("offer_name")
            terms = read_terms(asked.fields, tools.payments.now())
            await create_offer(_tools(tools), NewOffer(caller.merchant_id, offer_id, name, terms, caller.subject))
            return Done(f"{PATH}/{public('off', offer_id)}", "offer_made")

        return await acted(tools, request, Guard("offers:write", PATH, is_grave=True), act)

    @router.post("/offers/{offer_id}/end")
    async def end(request: Request, offer_id: str) -> Response:
        """End an offer for good."""
        back = f"{PATH}/{offer_id}"

        async def act(asked: Asked) -> Done:
            caller = asked.visitor.caller
            await end_offer(_tools(tools), caller.merchant_id, path_id("off", offer_id), caller.subject)
            return Done(back, "offer_ended")

        return await acted(tools, request, Guard("offers:write", back), act)


SECTION = Section(MenuEntry("offers", PATH, "console.offers", "tag", READ, "console.group.money"), add_routes)
