"""WeChat Pay's error codes in our words. Must not know: HTTP, signatures.

Source: WeChat Pay API v3, error tables of "JSAPI/小程序下单" and "Native下单"; the evidence table of docs/states.md.
A code is Refused only when the documentation says that it leaves no payable order behind. INVALID_REQUEST (an order
with other parameters exists), OUT_TRADE_NO_USED (an order of another kind exists), ORDERPAID, TRADE_ERROR, and all
that is not listed are Unknown: the query decides.
"""

from __future__ import annotations

from shunfu.gateway.evidence import RefusedReason

_SPELLINGS: dict[str, str] = {
    "SYSTEMERROR": "SYSTEM_ERROR",
    "RULELIMIT": "RULE_LIMIT",
    "ORDERNOTEXIST": "ORDER_NOT_EXIST",
    "NOTENOUGH": "NOT_ENOUGH",
    "NOAUTH": "NO_AUTH",
    "BANKERROR": "BANK_ERROR",
    "ACCOUNTERROR": "ACCOUNT_ERROR",
    "ORDER_PAID": "ORDERPAID",
    "ORDERCLOSED": "ORDER_CLOSED",
    "RATELIMIT_EXCEED": "FREQUENCY_LIMITED",
    "RATELIMIT_EXCEEDED": "FREQUENCY_LIMITED",
}

_REFUSED: dict[str, RefusedReason] = {
    "PARAM_ERROR": "invalid_request",
    "APPID_MCHID_NOT_MATCH": "configuration",
    "MCH_NOT_EXISTS": "configuration",
    "NO_AUTH": "not_permitted",
    "RULE_LIMIT": "risk",
    "ACCOUNT_ERROR": "payer",
    "USER_ACCOUNT_ABNORMAL": "payer",
    "ORDER_CLOSED": "order_closed",
}

_REFUND_REFUSED: dict[str, RefusedReason] = {
    "PARAM_ERROR": "invalid_request",
    "MCH_NOT_EXISTS": "configuration",
    "NO_AUTH": "not_permitted",
}
"""RESOURCE_NOT_EXISTS is not here: it may be the payment's own number that was never placed, or a wrong account's."""


def canonical(code: str) -> str:
    """One spelling for the codes that WeChat Pay spells in several ways; any other code as it is."""
    return _SPELLINGS.get(code, code)


def refused_reason(status: int, code: str) -> RefusedReason | None:
    """Why an order was refused, or None when this status and code leave the outcome unknown (429, 5xx, not listed)."""
    return _REFUSED.get(canonical(code)) if 400 <= status < 500 and status != 429 else None


def refund_refused_reason(status: int, code: str) -> RefusedReason | None:
    """Why a refund was refused for good, or None when this status and code leave the outcome unknown."""
    return _REFUND_REFUSED.get(canonical(code)) if 400 <= status < 500 and status != 429 else None


def is_not_yet(status: int, code: str) -> bool:
    """Whether a refund was not taken and the same number may be sent later: the merchant has not enough money."""
    return status == 403 and canonical(code) == "NOT_ENOUGH"


def statement_refused_reason(status: int, code: str) -> RefusedReason | None:
    """Why a statement is not to be had, or None when asking again may help. Asking changes nothing at WeChat Pay."""
    if canonical(code) == "INVALID_REQUEST" and status == 400:
        return "invalid_request"
    return refund_refused_reason(status, code)
