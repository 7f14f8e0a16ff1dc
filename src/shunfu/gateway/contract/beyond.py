"""What a channel promises of the groups that not every channel has: only the groups that it has are checked.

Must not know: any channel's name or words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from shunfu.gateway.complaint import ComplaintReply, ComplaintsAsked
from shunfu.gateway.contract import beyond_combine, beyond_complaint, beyond_sharing, beyond_shipping, beyond_transfer
from shunfu.gateway.contract.check import AnyRig, Check, name_of
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request
from shunfu.gateway.login import PlatformToken
from shunfu.gateway.port import Channel
from shunfu.gateway.shipping import Receipt, ShippingAsked
from shunfu.kernel.secret import Secret

BODIES = (b"", b"null", b"{}", b"<html>bad gateway</html>", b'{"code":"SUCCESS"}', b'{"errcode":"0"}', b"\xff\xfe")


def checks(channel: Channel[Any]) -> tuple[Check, ...]:
    """Every check of the groups that this channel has."""
    groups = (
        (channel.combine, beyond_combine.ONCE),
        (channel.sharing, beyond_sharing.ONCE),
        (channel.transfers, beyond_transfer.ONCE),
        (channel.shipping, beyond_shipping.ONCE),
        (channel.complaints, beyond_complaint.ONCE),
    )
    has_any = any(verbs is not None for verbs, _ in groups)
    found = [check for verbs, once in groups if verbs is not None for check in once]
    return tuple(Check(name_of(check), check) for check in (*found, *(_HOSTILE if has_any else ())))


def _silence_about_groups_is_unknown(rig: AnyRig) -> None:
    _all_unknown(rig, lambda _: NoReply("time-out", was_sent=True))


def _garbage_about_groups_is_unknown(rig: AnyRig) -> None:
    for status in (200, 204, 302, 404, 429, 500):
        for body in BODIES:
            _all_unknown(rig, lambda _, status=status, body=body: Reply(status, {}, body))


_HOSTILE = (_silence_about_groups_is_unknown, _garbage_about_groups_is_unknown)


def _all_unknown(rig: AnyRig, answer: Callable[[Request], Answer]) -> None:
    for flow in _flows(rig):
        told = rig.run(flow, answer)
        assert isinstance(told, Unknown), told


def _flows(rig: AnyRig) -> Iterator[Flow[Any]]:
    for group in (_combine_flows, _sharing_flows, _transfer_flows, _shipping_flows, _complaint_flows):
        yield from group(rig)


def _combine_flows(rig: AnyRig) -> Iterator[Flow[Any]]:
    verbs, combined = rig.channel.combine, beyond_combine.combined(rig)
    if verbs is not None:
        yield verbs.prepay_combined(rig.settings, combined, rig.moment())
        yield verbs.query_combined(rig.settings, combined.number, rig.moment())
        yield verbs.close_combined(rig.settings, combined, rig.moment())


def _sharing_flows(rig: AnyRig) -> Iterator[Flow[Any]]:
    verbs, settings, moment = rig.channel.sharing, rig.settings, rig.moment()
    if verbs is not None:
        sharing, back = beyond_sharing.sharing(rig, "4200000000", 100), beyond_sharing.back(rig, 10)
        yield verbs.add_receiver(settings, beyond_sharing.RECEIVER, moment)
        yield verbs.remove_receiver(settings, beyond_sharing.RECEIVER, moment)
        yield verbs.share(settings, sharing, moment)
        yield verbs.query_sharing(settings, sharing, moment)
        yield verbs.unfreeze(settings, beyond_sharing.unfreezing(rig, "4200000000"), moment)
        yield verbs.take_back(settings, back, moment)
        yield verbs.query_take_back(settings, back, moment)
        yield verbs.query_unsplit(settings, "4200000000", moment)


def _transfer_flows(rig: AnyRig) -> Iterator[Flow[Any]]:
    verbs, settings, moment = rig.channel.transfers, rig.settings, rig.moment()
    if verbs is not None:
        yield verbs.transfer(settings, beyond_transfer.transfer(rig), moment)
        yield verbs.query_transfer(settings, rig.number(), moment)
        yield verbs.find_transfer(settings, "13300000", moment)
        yield verbs.cancel_transfer(settings, rig.number(), moment)


def _shipping_flows(rig: AnyRig) -> Iterator[Flow[Any]]:
    verbs, settings, moment = rig.channel.shipping, rig.settings, rig.moment()
    token = PlatformToken(Secret("token"), rig.now + timedelta(hours=2))
    if verbs is not None:
        yield verbs.upload(settings, beyond_shipping.shipment(rig, rig.number()), token, moment)
        yield verbs.query_shipping(settings, rig.number(), token, moment)
        yield verbs.list_shipping(settings, ShippingAsked(), token, moment)
        yield verbs.remind_receipt(settings, Receipt(rig.number(), rig.now), token, moment)
        yield verbs.is_managed(settings, token, moment)


def _complaint_flows(rig: AnyRig) -> Iterator[Flow[Any]]:
    verbs, settings, moment = rig.channel.complaints, rig.settings, rig.moment()
    if verbs is not None:
        day = rig.now.date()
        yield verbs.list_complaints(settings, ComplaintsAsked(day, day), moment)
        yield verbs.query_complaint(settings, "200201", moment)
        yield verbs.list_negotiation(settings, "200201", moment)
        yield verbs.reply_complaint(settings, ComplaintReply("200201", "您好"), moment)
        yield verbs.complete_complaint(settings, "200201", moment)
        yield verbs.read_complaint_address(settings, moment)
        yield verbs.set_complaint_address(settings, "https://merchant.example/complaints", moment)
        yield verbs.remove_complaint_address(settings, moment)
