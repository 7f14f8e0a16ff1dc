"""The channels of the simulation: the template's codec and sandbox, twice, with different abilities.

`alpha` closes on demand; `beta` cannot, closes by itself when its time is over, wants three seconds between refunds and
can send an abnormal refund another way. Their stages are the truth that the checker reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from shunfu.channels._template import CHANNEL, SANDBOX, Settings
from shunfu.channels._template.channel import TemplatePay
from shunfu.channels._template.codec import Line, build_request, read_refund, read_reply
from shunfu.channels._template.sandbox import money
from shunfu.driver import Registry
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.faults import HOST_TWISTS, Faults
from shunfu.gateway.flow import Flow
from shunfu.gateway.port import Moment, Scene
from shunfu.gateway.refund import AbnormalRefund, RefundEvidence
from shunfu.gateway.sandbox.values import Answer, At, Call, Letter, PlacedRefund, Step, Timer

ALPHA, BETA = "alpha", "beta"
REDIRECT = re.compile(r".*/template/refunds/([0-9A-Za-z]{1,64})/redirect")
REDIRECT_SECONDS = 120
REFUSED_ENDINGS = "0369"
"""Refunds whose number ends so are refused by the channel: one in eight."""


class RedirectingPay(TemplatePay):
    """A channel that can send an abnormal refund another way."""

    def apply_abnormal(self, settings: Settings, abnormal: AbnormalRefund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask the channel to send the money elsewhere."""
        number = abnormal.refund.number
        line = Line("POST", f"/template/refunds/{number}/redirect")
        answer = yield build_request(settings, line, moment, {"to": abnormal.to})
        found = read_reply(settings, answer, moment.now)
        return found if isinstance(found, Unknown) else read_refund(found, number, is_query=False)


@dataclass(frozen=True, slots=True)
class SandboxOf:
    """The template's sandbox with an extra: orders end by themselves, abnormal refunds can be sent elsewhere."""

    base: ModuleType

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    def answer(self, state: Any, call: Call) -> Answer[Any]:
        """As the template answers, and what it cannot."""
        told = self.base.answer(state, call)
        redirected = REDIRECT.fullmatch(call.request.url)
        if redirected is not None and told.reply.status == 400 and call.twist in {"", *HOST_TWISTS}:
            return self._redirect(told, redirected.group(1), call.at)
        if any(number not in state.refunds for number in told.step.state.refunds):
            told = self._refuse_some(state, told, call.at)
        new = [one for number, one in told.step.state.orders.items() if number not in state.orders]
        timers = [Timer(f"closes_itself:{one.number}", (one.expires_ms - call.at.business_ms) / 1000) for one in new]
        return replace(told, step=replace(told.step, timers=(*told.step.timers, *timers)))

    def _refuse_some(self, state: Any, told: Answer[Any], at: At) -> Answer[Any]:
        """The channel says no to some refunds, by their number, and keeps nothing of them."""
        made = next(one for number, one in told.step.state.refunds.items() if number not in state.refunds)
        if made.number[-1] not in REFUSED_ENDINGS or told.reply.status != 200:
            return told
        body = b'{"code": "RISK"}'
        headers = {"content-type": "application/json", **self.base._signature(state, "REPLY", body, at)}
        return replace(told, step=Step(state), reply=replace(told.reply, status=400, headers=headers, body=body))

    def ring(self, state: Any, timer: str, at: At) -> Step[Any]:
        """As the template's; a refund that ends twice tells of it under two ids."""
        return _named_anew(self.base.ring(state, timer, at), at)

    def _redirect(self, told: Answer[Any], number: str, at: At) -> Answer[Any]:
        state = told.step.state
        refund = state.refunds.get(number)
        if refund is None or refund.state != "ABNORMAL":
            return told
        working = replace(refund, state="WORKING", finished_ms=0)
        state = replace(state.with_refund(working), refund_ends={**state.refund_ends, number: _end(state, refund)})
        body = json.dumps(money.refunded(working)).encode()
        headers = {"content-type": "application/json", **self.base._signature(state, "REPLY", body, at)}
        timer = Timer(f"refund:{number}", REDIRECT_SECONDS)
        return replace(
            told, step=Step(state, timers=(timer,)), reply=replace(told.reply, status=200, headers=headers, body=body)
        )


def settle_abnormal(state: Any, number: str, at: At) -> Step[Any] | None:
    """The channel's own people pay an abnormal refund out after all."""
    refund = state.refunds.get(number)
    if refund is None or refund.state != "ABNORMAL":
        return None
    step = money.end_refund(state.with_refund(replace(refund, state="WORKING")), number, _end(state, refund), at)
    return _named_anew(step, at) if step else None


def _named_anew(step: Step[Any], at: At) -> Step[Any]:
    """The step with an id of its own for each message about a refund."""
    letters: list[Letter] = []
    for letter in step.letters:
        if letter.kind == "REFUND":
            name = f"{letter.id}-{at.digits(6, 'letter', letter.id)}"
            letters.append(replace(letter, id=name, content=json.dumps({**json.loads(letter.content), "id": name})))
        else:
            letters.append(letter)
    return replace(step, letters=tuple(letters))


def _end(state: Any, refund: PlacedRefund) -> str:
    """What an abnormal refund can still come to: nothing, when others have given back what it wanted."""
    left_minor = state.orders[refund.order_number].amount_minor - state.refunded_minor(refund.order_number)
    return "succeeded" if refund.amount_minor <= left_minor else "closed"


def refund_at_console(state: Any, asked: Mapping[str, Any], at: At) -> Step[Any]:
    """Somebody asks for a refund at the channel itself, under a number of ours that we have not sent."""
    return money.refund(state, asked, at, CLEAN).step


CLEAN = Faults()


def _channel(name: str, scenes: tuple[Scene, ...], **changes: Any) -> Any:
    capabilities = replace(CHANNEL.capabilities, **changes)
    return replace(CHANNEL, name=name, scenes=scenes, capabilities=capabilities)


def make_registry() -> Registry:
    """Both channels and their sandboxes."""
    alpha = _channel(
        ALPHA,
        (
            Scene("native", "qr", needs_payer=False),
            Scene("page", "qr", needs_payer=False),
            Scene("mini", "qr", needs_payer=True),
        ),
    )
    beta = replace(
        _channel(
            BETA, (Scene("native", "qr", needs_payer=False, not_found_is_final=False),),
            can_close=False, refund_gap_seconds=3,
        ),
        refunds=RedirectingPay(),
    )  # fmt: skip
    sandbox = replace(SANDBOX, verbs=SandboxOf(SANDBOX.verbs))
    sandboxes = {name: replace(sandbox, name=name) for name in (ALPHA, BETA)}
    return Registry({ALPHA: alpha, BETA: beta}, sandboxes)


METHODS = (f"{ALPHA}/native", f"{ALPHA}/page", f"{ALPHA}/mini", f"{BETA}/native")
