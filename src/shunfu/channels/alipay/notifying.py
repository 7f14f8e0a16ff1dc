"""Alipay's notifications: decoded once, verified, read. Must not know: what we do with them.

Source: opendocs "异步通知说明". A notification tells the sum of a trade's refunds and not one refund's own amount:
it proves no refund. `Genuine.about` has that refund's number, for a query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shunfu.channels.alipay.codec import parse_form, verify_params
from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.trades import read_notified
from shunfu.channels.alipay.values import parse_china_time
from shunfu.gateway.port import Genuine, Message, Spurious
from shunfu.gateway.reading import text_at

PAST = timedelta(hours=26)
"""Alipay sends for 24 hours and 22 minutes; what is older was kept by somebody else."""
FUTURE = timedelta(hours=1)

_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_NAME = re.compile(r"[0-9A-Za-z_.:-]{1,128}", re.ASCII)
_STAMP = re.compile(r"[0-9]{13}", re.ASCII)


def read_notification(settings: Settings, message: Message, now: datetime) -> Genuine | Spurious:
    """A verified notification of the last 26 hours, or why it is not one."""
    params = parse_form(message.body)
    if params is None:
        return Spurious("form is malformed")
    distrust = verify_params(settings, params)
    if distrust:
        return Spurious(distrust.reason)
    external_id, sent_at = text_at(params, "notify_id", _NAME), _sent_at(params)
    event_type = text_at(params, "notify_type" if "notify_type" in params else "msg_method", _NAME)
    if external_id is None or event_type is None or sent_at is None:
        return Spurious("envelope is malformed")
    if not -FUTURE <= now - sent_at <= PAST:
        return Spurious("notify_time is not within the last 26 hours")
    return _genuine(
        settings, {name: value for name, value in params.items() if value}, (external_id, event_type), sent_at
    )


def _genuine(settings: Settings, params: Mapping[str, str], names: tuple[str, str], sent_at: datetime) -> Genuine:
    number = text_at(params, "out_trade_no", _NUMBER)
    is_trade = number is not None and "trade_status" in params
    return Genuine(
        external_id=names[0],
        nonce="",
        event_type=f"{names[1]}.{params.get('trade_status', '')}".rstrip(".")[:128],
        number=number,
        evidence=read_notified(settings, params, sent_at) if is_trade else None,
        happened_at=sent_at,
        about=text_at(params, "out_biz_no", _NUMBER),
        signed_by=params.get("alipay_cert_sn", ""),
    )


def _sent_at(params: Mapping[str, str]) -> datetime | None:
    """`notify_time` of a trade's notification; `utc_timestamp`, in ms, of the other messages of the platform."""
    stamp = params.get("utc_timestamp", "")
    if "notify_time" in params or _STAMP.fullmatch(stamp) is None:
        return parse_china_time(params.get("notify_time"))
    return datetime.fromtimestamp(int(stamp) / 1000, UTC)
