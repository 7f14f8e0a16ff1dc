"""UnionPay's answer codes in our words. Must not know: HTTP, signatures.

Source: respCode table of 全渠道平台接入接口规范 5.1.0 (附录 应答码), the evidence table of docs/states.md,
and 云闪付开放平台 (返回码) for logins.
Two codes answer a query: `respCode` for the query itself, `origRespCode` for the transaction that was asked about.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from shunfu.gateway.evidence import RefusedReason

OK = "00"
NOT_FOUND = "34"
DUPLICATE = "12"
NO_FILE = "98"

PAID = frozenset({"00", "A6", "A1"})
"""Money moved. A6 (A1 in older lists) is 有缺陷的成功: paid, though something beside the payment went wrong."""

PENDING = frozenset({"03", "04", "05"})
"""UnionPay does not know yet; only asking again tells."""

UNPAID = PENDING | {"70"}
"""As `origRespCode` of a payment: nothing has moved so far, and it may yet: 70 waits for the cardholder."""

FAILED = frozenset(
    {"01", "10", "11", "13", "30", "31", "32", "33", "35", "36", "38", "39", "40", "43", "44", "45"}
    | {"60", "61", "62", "63", "64", "65", "66", "67", "68", "69", "71", "72", "73", "76", "77", "78", "79"}
    | {"80", "81", "82", "84", "90", "91", "92", "93", "94", "95", "96", "99"}
)
"""As `origRespCode` of a payment: this try did not pay, and the shopper may try again until payTimeout. Of a refund: no
money went back.

Not here: 02, 06, 83 (down, busy, at the issuer: it may go on), 34, 70, and what was charged: 42 (after the time-out,
goes back by itself), 74 and 75 (not or perhaps not written off).
"""

_REFUSED: dict[str, RefusedReason] = {
    "10": "invalid_request",
    "11": "configuration",
    "13": "invalid_request",
    "30": "not_permitted",
    "31": "configuration",
    "32": "not_permitted",
    "33": "invalid_request",
    "38": "risk",
    "39": "not_permitted",
    "43": "not_permitted",
    "68": "not_permitted",
}
_REFUND_REFUSED: dict[str, RefusedReason] = {
    "10": "invalid_request",
    "11": "configuration",
    "13": "invalid_request",
    "31": "configuration",
    "32": "not_permitted",
    "35": "invalid_request",
    "36": "invalid_request",
    "43": "not_permitted",
}
_REFUND_NOT_YET = frozenset({"64"})

LoginReason: TypeAlias = Literal["code", "token", "not_permitted"]

_LOGIN_REFUSED: dict[str, LoginReason] = {
    "a10": "token",
    "a20": "token",
    "BC2127": "token",
    "N62127": "token",
    "a31": "code",
    "N62112": "code",
    "BC0024": "not_permitted",
    "BC0025": "not_permitted",
    "BC2126": "not_permitted",
    "N62126": "not_permitted",
    "N62131": "not_permitted",
    "S52131": "not_permitted",
    "N62135": "not_permitted",
    "N62136": "not_permitted",
    "S52136": "not_permitted",
    "3023": "not_permitted",
}
"""The open platform's own codes (`resp`): tokens and codes that are no good, signature and application, no phone."""


def login_refused_reason(code: str) -> LoginReason | None:
    """Why the open platform said no, or None for a code that is not listed."""
    return _LOGIN_REFUSED.get(code)


def refused_reason(code: str) -> RefusedReason | None:
    """Why an order was refused, or None when this code leaves the outcome unknown (busy, duplicate, not listed)."""
    return _REFUSED.get(code)


def refund_refused_reason(code: str) -> RefusedReason | None:
    """Why a refund was refused; only codes about the request or its original, which cannot have moved money.

    45 says that the original is refunded or undone already: perhaps by this very refund, so it is not listed.
    """
    return _REFUND_REFUSED.get(code)


def is_refund_not_yet(code: str) -> bool:
    """The merchant's settlement account lacks money: nothing was done, and the same number may be sent later."""
    return code in _REFUND_NOT_YET
