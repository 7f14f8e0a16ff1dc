"""The shapes of request bodies, field by field, as the documentation has them. Must not know: orders."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from shunfu.channels.wechatpay.sandbox.wire import Said, problem
from shunfu.gateway.reading import JsonObject, parse_time

Check = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One field: a check of its value, the shape of its members, or the shape of each `item` of a list.

    A list has from `shortest` to `longest` items.
    """

    check: Check | None = None
    shape: Mapping[str, Rule] | None = None
    is_required: bool = False
    item: Mapping[str, Rule] | None = None
    shortest: int = 0
    longest: int = 1000


def text(longest: int, shortest: int = 1) -> Check:
    """A check: a text of so many characters."""
    return lambda value: isinstance(value, str) and shortest <= len(value) <= longest


def matches(pattern: str) -> Check:
    """A check: a text that fits the whole pattern."""
    shape = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and shape.fullmatch(value) is not None


def is_integer(value: object) -> bool:
    """A check: an integer, not true or false."""
    return type(value) is int


def is_fen(value: object) -> bool:
    """A check: an amount of at least one fen."""
    return type(value) is int and 1 <= value <= 100_000_000_00


def is_flag(value: object) -> bool:
    """A check: true or false."""
    return isinstance(value, bool)


def is_list(value: object) -> bool:
    """A check: a list of anything."""
    return isinstance(value, list)


def is_time(value: object) -> bool:
    """A check: an RFC 3339 time."""
    return parse_time(value) is not None


NUMBER = r"[0-9A-Za-z_\-|*]{6,32}"
_SCENE: dict[str, Rule] = {
    "payer_client_ip": Rule(text(45), is_required=True),
    "device_id": Rule(text(32)),
    "store_info": Rule(
        shape={
            "id": Rule(text(32), is_required=True),
            "name": Rule(text(256)),
            "area_code": Rule(text(32)),
            "address": Rule(text(512)),
        }
    ),
}
H5_INFO: Mapping[str, Rule] = {
    "type": Rule(text(32), is_required=True),
    "app_name": Rule(text(64)),
    "app_url": Rule(text(128)),
    "bundle_id": Rule(text(128)),
    "package_name": Rule(text(128)),
}
_ORDER: dict[str, Rule] = {
    "appid": Rule(text(32), is_required=True),
    "mchid": Rule(text(32), is_required=True),
    "description": Rule(text(127), is_required=True),
    "out_trade_no": Rule(matches(NUMBER), is_required=True),
    "time_expire": Rule(is_time),
    "attach": Rule(text(128, 0)),
    "notify_url": Rule(matches(r"https?://[^\s?#]{1,247}"), is_required=True),
    "goods_tag": Rule(text(32)),
    "support_fapiao": Rule(is_flag),
    "amount": Rule(shape={"total": Rule(is_fen, is_required=True), "currency": Rule(matches("CNY"))}, is_required=True),
    "detail": Rule(shape={"cost_price": Rule(is_integer), "invoice_id": Rule(text(32)), "goods_detail": Rule(is_list)}),
    "scene_info": Rule(shape=_SCENE),
    "settle_info": Rule(shape={"profit_sharing": Rule(is_flag)}),
    "limit_pay": Rule(is_list),
}
NATIVE: Mapping[str, Rule] = _ORDER
APP: Mapping[str, Rule] = _ORDER
JSAPI: Mapping[str, Rule] = {
    **_ORDER,
    "payer": Rule(shape={"openid": Rule(matches(r"[0-9A-Za-z_\-]{1,128}"), is_required=True)}, is_required=True),
}
H5: Mapping[str, Rule] = {
    **_ORDER,
    "scene_info": Rule(shape={**_SCENE, "h5_info": Rule(shape=H5_INFO, is_required=True)}, is_required=True),
}
CLOSE: Mapping[str, Rule] = {"mchid": Rule(text(32), is_required=True)}


def not_an_object() -> Said:
    """400 PARAM_ERROR for a body that is no JSON object."""
    return problem(400, "PARAM_ERROR", "请求体不是合法的JSON对象", 268435461)


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
    if rule.item is not None:
        return _fault_of_items(rule, rule.item, value, pointer)
    if rule.shape is None or type(value) is not dict:
        return _param_error(pointer, value, "参数应为对象")
    return fault_in(rule.shape, cast("JsonObject", value), pointer)


def _fault_of_items(rule: Rule, shape: Mapping[str, Rule], value: object, pointer: str) -> Said | None:
    items = cast("list[object]", value) if isinstance(value, list) else None
    if items is None or not rule.shortest <= len(items) <= rule.longest:
        return _param_error(pointer, None, "数组的项数不符合接口规则")
    for index, item in enumerate(items):
        found = _fault_of(Rule(shape=shape), item, f"{pointer}/{index}", is_there=True)
        if found:
            return found
    return None


def _missing_errno(pointer: str) -> int:
    return 268501013 if pointer.startswith("/payer") else 268435461


def _param_error(pointer: str, value: object, issue: str, errno: int = 268435461) -> Said:
    shown = {} if value is None else {"value": value}
    return problem(
        400, "PARAM_ERROR", f"{issue}: {pointer}", errno, field=pointer, **shown, issue=issue, location="body"
    )
