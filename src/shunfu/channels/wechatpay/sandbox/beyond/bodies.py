"""What handlers beyond single payments do with a body before they look at it. Must not know: signatures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import cast

from shunfu.channels.wechatpay.sandbox.routing import SignedCall
from shunfu.channels.wechatpay.sandbox.schema import Rule, fault_in, not_an_object
from shunfu.channels.wechatpay.sandbox.wire import Said, problem
from shunfu.gateway.reading import JsonObject, parse_object
from shunfu.gateway.sandbox.values import beijing


def read_body(call: SignedCall, shape: Mapping[str, Rule]) -> JsonObject | Said:
    """The body when it fits the shape, else what is wrong with it."""
    body = parse_object(call.body)
    return not_an_object() if body is None else fault_in(shape, body) or body


def fingerprint(body: JsonObject) -> str:
    """What must be the same when the same number comes again; sealed texts differ each time and do not count."""
    return sha256(json.dumps(_plain(body), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def invalid(words: str) -> Said:
    """400 for a business rule that is broken."""
    return problem(400, "INVALID_REQUEST", words, 268435461)


def differs() -> Said:
    """400 for the same number with other parameters."""
    return problem(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 268498688)


def param_error(field: str, words: str) -> Said:
    """400 for a field that is malformed."""
    return problem(400, "PARAM_ERROR", words, 268435461, field=field, issue=words, location="body")


def missing(words: str) -> Said:
    """404 for what WeChat does not know."""
    return problem(404, "RESOURCE_NOT_EXISTS", words, 268512771)


def not_enough(words: str) -> Said:
    """403 for money that is not there."""
    return problem(403, "NOT_ENOUGH", words, 268435461)


def when(moment_ms: int) -> str:
    """A time as WeChat writes it."""
    return beijing(moment_ms).isoformat(timespec="seconds")


def _plain(value: object) -> object:
    """Without the members that are encrypted, at any depth."""
    match value:
        case dict():
            members = cast("dict[str, object]", value).items()
            return {name: _plain(member) for name, member in members if name not in {"name", "user_name"}}
        case list():
            return [_plain(item) for item in cast("list[object]", value)]
        case _:
            return value
