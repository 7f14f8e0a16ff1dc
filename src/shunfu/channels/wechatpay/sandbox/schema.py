"""The shapes of request bodies, field by field, as the documentation has them. Must not know: orders."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from shunfu.channels.wechatpay.reading import JsonObject, parse_time
from shunfu.channels.wechatpay.sandbox.wire import Said, problem

Check = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One field: a check of its value or the shape of its members."""

    check: Check | None = None
    shape: Mapping[str, Rule] | None = None
    is_required: bool = False


def _text(longest: int, shortest: int = 1) -> Check:
    return lambda value: isinstance(value, str) and shortest <= len(value) <= longest


def _matches(pattern: str) -> Check:
    shape = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and shape.fullmatch(value) is not None


def _is_integer(value: object) -> bool:
    return type(value) is int


def _is_fen(value: object) -> bool:
    return type(value) is int and 1 <= value <= 100_000_000_00


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


_NUMBER = r"[0-9A-Za-z_\-|*]{6,32}"
_ORDER: dict[str, Rule] = {
    "appid": Rule(_text(32), is_required=True),
    "mchid": Rule(_text(32), is_required=True),
    "description": Rule(_text(127), is_required=True),
    "out_trade_no": Rule(_matches(_NUMBER), is_required=True),
    "time_expire": Rule(lambda value: parse_time(value) is not None),
    "attach": Rule(_text(128, 0)),
    "notify_url": Rule(_matches(r"https?://[^\s?#]{1,247}"), is_required=True),
    "goods_tag": Rule(_text(32)),
    "support_fapiao": Rule(_is_flag),
    "amount": Rule(
        shape={"total": Rule(_is_fen, is_required=True), "currency": Rule(_matches("CNY"))}, is_required=True
    ),
    "detail": Rule(
        shape={"cost_price": Rule(_is_integer), "invoice_id": Rule(_text(32)), "goods_detail": Rule(_is_list)}
    ),
    "scene_info": Rule(
        shape={
            "payer_client_ip": Rule(_text(45), is_required=True),
            "device_id": Rule(_text(32)),
            "store_info": Rule(
                shape={
                    "id": Rule(_text(32), is_required=True),
                    "name": Rule(_text(256)),
                    "area_code": Rule(_text(32)),
                    "address": Rule(_text(512)),
                }
            ),
        }
    ),
    "settle_info": Rule(shape={"profit_sharing": Rule(_is_flag)}),
    "limit_pay": Rule(_is_list),
}
NATIVE: Mapping[str, Rule] = _ORDER
JSAPI: Mapping[str, Rule] = {
    **_ORDER,
    "payer": Rule(shape={"openid": Rule(_matches(r"[0-9A-Za-z_\-]{1,128}"), is_required=True)}, is_required=True),
}
CLOSE: Mapping[str, Rule] = {"mchid": Rule(_text(32), is_required=True)}


def fault_in(shape: Mapping[str, Rule], body: JsonObject, pointer: str = "") -> Said | None:
    """The first fault of a body as 400 PARAM_ERROR with `detail.field`, or None; unknown extra fields are faults."""
    for name in body:
        if name not in shape:
            return _param_error(f"{pointer}/{name}", None, "参数中含有非法的额外参数", 270924358)
    for name, rule in shape.items():
        found = _fault_of(rule, body.get(name), f"{pointer}/{name}", is_there=name in body)
        if found:
            return found
    return None


def _fault_of(rule: Rule, value: object, pointer: str, *, is_there: bool) -> Said | None:
    if not is_there:
        return _param_error(pointer, None, "缺少必填参数", _missing_errno(pointer)) if rule.is_required else None
    if rule.check:
        return None if rule.check(value) else _param_error(pointer, value, "参数不符合接口规则")
    if rule.shape is None or type(value) is not dict:
        return _param_error(pointer, value, "参数应为对象")
    return fault_in(rule.shape, cast("JsonObject", value), pointer)


def _missing_errno(pointer: str) -> int:
    return 268501013 if pointer.startswith("/payer") else 268435461


def _param_error(pointer: str, value: object, issue: str, errno: int = 268435461) -> Said:
    shown = {} if value is None else {"value": value}
    return problem(
        400, "PARAM_ERROR", f"{issue}: {pointer}", errno, field=pointer, **shown, issue=issue, location="body"
    )
