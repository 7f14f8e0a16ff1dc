"""Endpoints, messages and their tries as HTML. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shunfu.console.kit import ActForm, Chip, Fact, FormField, Frame, NavItem, Tint, plain_chip, second_text
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, render_panels
from shunfu.kernel.ids import public
from shunfu.webhooks import Attempt, Delivery, Endpoint, Shown, Told

PATH = "/console/webhooks"
_DELIVERIES: Mapping[str, tuple[str, Tint]] = {
    "WAITING": ("clock", "warn"),
    "DELIVERED": ("check", "ok"),
    "GIVEN_UP": ("x", "bad"),
}
OVERLAPS = (("0", "now"), ("3600", "hour"), ("86400", "day"))
"""How long the old secret signs on, in seconds."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Endpoints, the newest messages, the place where older ones begin, and the types that there are."""

    endpoints: Sequence[Endpoint]
    told: Sequence[Told]
    older: int | None
    event_types: Sequence[str]


def render_webhooks(frame: Frame, hooks: Hooks) -> str:
    """Endpoints, the newest messages, and a form for a new endpoint."""
    say = frame.say
    pages = [] if hooks.older is None else [NavItem(f"{PATH}?before={hooks.older}", say("console.older"), "next")]
    may_write = "webhooks:write" in frame.visitor.caller.capabilities
    page = PanelPage(
        title=say("console.webhooks"),
        main=(_endpoints(frame, hooks.endpoints), _messages(frame, hooks.told)),
        side=(_new_endpoint(frame, hooks.event_types),) if may_write else (),
        pages=pages,
    )
    return render_panels(frame, "webhooks", page)


def render_endpoint(frame: Frame, endpoint: Endpoint, now: datetime) -> str:
    """One endpoint: its health, its secrets, and what can be done about it."""
    say = frame.say
    secrets = endpoint.secrets_in_force(now)
    facts = [
        Fact(say("console.webhooks.types"), ", ".join(endpoint.event_types)),
        Fact(say("console.webhooks.description"), endpoint.description or "—"),
        Fact(say("console.webhooks.secrets"), str(len(secrets))),
        Fact(say("console.webhooks.secret_made"), second_text(secrets[0].made_at) if secrets else "—"),
        Fact(say("console.webhooks.made"), second_text(endpoint.created_at)),
    ]
    if endpoint.failing_since:
        facts.append(Fact(say("console.webhooks.failing_since"), second_text(endpoint.failing_since)))
    if endpoint.disabled_at:
        facts.append(Fact(say("console.webhooks.disabled_at"), second_text(endpoint.disabled_at)))
    page = PanelPage(
        title=say("console.webhooks.endpoint"),
        lead=endpoint.url,
        chip=_health(frame, endpoint),
        number=public("whk", endpoint.endpoint_id),
        crumb=NavItem(PATH, say("console.webhooks")),
        main=(Panel(say("console.facts"), facts=facts),),
        side=_endpoint_acts(frame, endpoint),
    )
    return render_panels(frame, "webhooks", page)


def render_secret(frame: Frame, shown: Shown) -> str:
    """A new signing secret, this once."""
    say = frame.say
    place = f"{PATH}/endpoints/{public('whk', shown.endpoint.endpoint_id)}"
    panel = Panel(
        say("console.webhooks.secret"),
        text=say("console.webhooks.secret.text"),
        code=shown.secret.reveal(),
        links=(NavItem(place, say("console.webhooks.secret.kept")),),
    )
    page = PanelPage(title=say("console.webhooks.endpoint"), lead=shown.endpoint.url, main=(panel,))
    return render_panels(frame, "webhooks", page)


def render_message(frame: Frame, told: Told, tries: Sequence[Attempt], endpoints: Sequence[Endpoint]) -> str:
    """One message: its text as it was sent, how it fared at each endpoint, and every try."""
    say, message = frame.say, told.message
    urls = {endpoint.endpoint_id: endpoint.url for endpoint in endpoints}
    deliveries = [
        (
            Cell(urls.get(one.endpoint_id, public("whk", one.endpoint_id))),
            Cell(chip=_delivery_chip(frame, one)),
            Cell(str(one.attempts)),
            Cell(second_text(one.delivered_at or one.next_at)),
        )
        for one in told.deliveries
    ]
    attempts = [
        (
            Cell(second_text(one.attempted_at)),
            Cell(urls.get(one.endpoint_id, public("whk", one.endpoint_id))),
            Cell(f"HTTP {one.status}" if one.status else "—", note=one.reason),
            Cell(f"{one.took_ms} ms"),
            Cell(one.answer, is_code=True),
        )
        for one in tries
    ]
    page = PanelPage(
        title=say("console.webhooks.message"),
        lead=message.type,
        number=public("evt", message.message_id),
        text=second_text(message.happened_at),
        crumb=NavItem(PATH, say("console.webhooks")),
        main=(
            Panel(
                say("console.webhooks.deliveries"),
                columns=_columns(frame, "endpoint", "state", "tries", "when"),
                rows=deliveries,
                empty=Empty("link", say("console.webhooks.undelivered"), say("console.webhooks.undelivered.text")),
            ),
            Panel(
                say("console.webhooks.attempts"),
                columns=_columns(frame, "when", "endpoint", "answer", "took", "said"),
                rows=attempts,
                empty=Empty("clock", say("console.webhooks.untried"), say("console.webhooks.untried.text")),
            ),
            Panel(say("console.webhooks.body"), code=message.body),
        ),
        side=_message_acts(frame, told),
    )
    return render_panels(frame, "webhooks", page)


def _columns(frame: Frame, *names: str) -> list[Column]:
    return [Column(frame.say(f"console.webhooks.column.{name}"), name in {"tries", "took"}) for name in names]


def _endpoints(frame: Frame, endpoints: Sequence[Endpoint]) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(one.url, f"{PATH}/endpoints/{public('whk', one.endpoint_id)}", note=one.description),
            Cell(chip=_health(frame, one)),
            Cell(", ".join(one.event_types)),
        )
        for one in endpoints
    ]
    empty = Empty("link", say("console.webhooks.none"), say("console.webhooks.none.text"))
    columns = _columns(frame, "endpoint", "state", "types")
    return Panel(say("console.webhooks.endpoints"), str(len(rows)), columns=columns, rows=rows, empty=empty)


def _messages(frame: Frame, told: Sequence[Told]) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(one.message.type, f"{PATH}/messages/{public('evt', one.message.message_id)}"),
            Cell(chip=_overall(frame, one.deliveries)),
            Cell(one.message.subject, _subject_page(one.message.subject), is_code=True),
            Cell(second_text(one.message.happened_at)),
        )
        for one in told
    ]
    empty = Empty("send", say("console.webhooks.quiet"), say("console.webhooks.quiet.text"))
    columns = _columns(frame, "message", "state", "subject", "when")
    return Panel(say("console.webhooks.messages"), columns=columns, rows=rows, empty=empty)


def _subject_page(subject: str) -> str:
    return f"/console/orders/{subject}" if subject.startswith("ord_") else ""


def _health(frame: Frame, endpoint: Endpoint) -> Chip:
    say = frame.say
    if not endpoint.is_enabled:
        return plain_chip(say("console.webhooks.disabled"), "x", "")
    if endpoint.failing_since is not None:
        return plain_chip(say("console.webhooks.failing"), "alert", "warn")
    return plain_chip(say("console.webhooks.enabled"), "check", "ok")


def _delivery_chip(frame: Frame, delivery: Delivery) -> Chip:
    icon, tint = _DELIVERIES[delivery.state.value]
    return plain_chip(frame.say(f"console.webhooks.delivery.{delivery.state.value}"), icon, tint)


def _overall(frame: Frame, deliveries: Sequence[Delivery]) -> Chip:
    """The worst that became of a message."""
    for state in ("GIVEN_UP", "WAITING", "DELIVERED"):
        found = next((one for one in deliveries if one.state.value == state), None)
        if found is not None:
            return _delivery_chip(frame, found)
    return plain_chip(frame.say("console.webhooks.unwanted"), "minus", "")


def _new_endpoint(frame: Frame, event_types: Sequence[str]) -> Panel:
    say = frame.say
    fields = (
        FormField("url", say("console.webhooks.url"), type="url", length=500, hint=say("console.webhooks.url.hint")),
        FormField("event_types", say("console.webhooks.types"), "*", length=1000, hint=", ".join(event_types)),
        FormField("description", say("console.webhooks.description"), length=80, is_needed=False),
    )
    hidden = (("form_id", frame.form_id),)
    form = ActForm(f"{PATH}/endpoints", say("console.webhooks.create"), "", fields, is_main=True, hidden=hidden)
    return Panel(say("console.webhooks.new"), acts=(form,))


def _endpoint_acts(frame: Frame, endpoint: Endpoint) -> tuple[Panel, ...]:
    say = frame.say
    if "webhooks:write" not in frame.visitor.caller.capabilities:
        return ()
    path = f"{PATH}/endpoints/{public('whk', endpoint.endpoint_id)}"
    overlaps = [(seconds, say(f"console.webhooks.overlap.{name}")) for seconds, name in OVERLAPS]
    field = FormField("old_valid_seconds", say("console.webhooks.overlap"), OVERLAPS[-1][0], options=overlaps)
    rotate = ActForm(
        f"{path}/rotate",
        say("console.webhooks.rotate"),
        say("console.webhooks.rotate.text"),
        (field,),
        hidden=(("form_id", frame.form_id),),
    )
    switch = (
        ActForm(
            f"{path}/disable", say("console.webhooks.disable"), say("console.webhooks.disable.text"), is_danger=True
        )
        if endpoint.is_enabled
        else ActForm(f"{path}/enable", say("console.webhooks.enable"), say("console.webhooks.enable.text"))
    )
    return (Panel(say("console.acts"), acts=(rotate, switch)),)


def _message_acts(frame: Frame, told: Told) -> tuple[Panel, ...]:
    say = frame.say
    if "webhooks:write" not in frame.visitor.caller.capabilities:
        return ()
    path = f"{PATH}/messages/{public('evt', told.message.message_id)}/replay"
    act = ActForm(path, say("console.webhooks.replay"), say("console.webhooks.replay.text"), is_main=True)
    return (Panel(say("console.acts"), acts=(act,)),)
