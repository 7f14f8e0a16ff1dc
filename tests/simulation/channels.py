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
from shunfu.gateway.sandbox.values import Answer, At, Call, Step, Timer

ALPHA, BETA = "alpha", "beta"
REDIRECT = re.compile(r".*/template/refunds/([0-9A-Za-z]{1,64})/redirect")
REDIRECT_SECONDS = 120


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
        new = [one for number, one in told.step.state.orders.items() if number not in state.orders]
        timers = [Timer(f"closes_itself:{one.number}", (one.expires_ms - call.at.business_ms) / 1000) for one in new]
        return replace(told, step=replace(told.step, timers=(*told.step.timers, *timers)))

    def _redirect(self, told: Answer[Any], number: str, at: At) -> Answer[Any]:
        state = told.step.state
        refund = state.refunds.get(number)
        if refund is None or refund.state != "ABNORMAL":
            return told
        working = replace(refund, state="WORKING", finished_ms=0)
        state = replace(state.with_refund(working), refund_ends={**state.refund_ends, number: "succeeded"})
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
    return money.end_refund(state.with_refund(replace(refund, state="WORKING")), number, "succeeded", at)


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
