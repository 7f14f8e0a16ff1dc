"""Alipay's error codes in our words. Must not know: HTTP, signatures.

Sources: opendocs "公共错误码", the error tables of alipay.trade.create and alipay.trade.refund; the evidence table of
docs/states.md. A code is Refused only when the documentation says that it leaves nothing behind. SYSTEM_ERROR,
TRADE_HAS_SUCCESS, CONTEXT_INCONSISTENT (an order with other parameters exists), DISCORDANT_REPEAT_REQUEST (a refund of
another amount exists), call limits on orders, and all that is not listed are Unknown: the query decides.
"""

from __future__ import annotations

from shunfu.channels.alipay.codec import Said
from shunfu.gateway.evidence import RefusedReason

_PREFIXES = ("ACQ.", "AQC.", "ISV.", "ISP.", "AOP.")
_SPELLINGS = {
    "SYSTEMERROR": "SYSTEM_ERROR",
    "CODE_IS_INVALID": "CODE_INVALID",
    "INVAILID_ARGUMENTS": "INVALID_ARGUMENTS",
}

_GATEWAY: dict[str, RefusedReason] = {
    "INVALID_SIGNATURE": "configuration",
    "MISSING_SIGNATURE_CONFIG": "configuration",
    "MISSING_APP_CERT_SN": "configuration",
    "MISSING_ALIPAY_ROOT_CERT_SN": "configuration",
    "INVALID_APP_CERT_SN": "configuration",
    "INVALID_ALIPAY_ROOT_CERT_SN": "configuration",
    "INVALID_ENCRYPT": "configuration",
    "INVALID_AUTH_RELATIONS": "configuration",
    "INVALID_APP_ID": "configuration",
    "INVALID_METHOD": "configuration",
    "NOT_ONLINE_APP": "configuration",
    "INSUFFICIENT_ISV_PERMISSIONS": "not_permitted",
    "INSUFFICIENT_USER_PERMISSIONS": "not_permitted",
    "INSUFFICIENT_PERMISSIONS": "not_permitted",
    "INVALID_PARAMETER": "invalid_request",
    "ILLEGAL_JSON": "invalid_request",
    "INVALID_JSON": "invalid_request",
    "MISSING_PARAMETER": "invalid_request",
}
_ORDER: dict[str, RefusedReason] = {
    **_GATEWAY,
    "ACCESS_FORBIDDEN": "not_permitted",
    "SELLER_BEEN_BLOCKED": "not_permitted",
    "EXIST_FORBIDDEN_WORD": "invalid_request",
    "NOW_TIME_AFTER_EXPIRE_TIME_ERROR": "invalid_request",
    "PARTNER_ERROR": "configuration",
    "TOTAL_FEE_EXCEED": "risk",
    "BEYOND_PAY_RESTRICTION": "risk",
    "BUYER_SELLER_EQUAL": "payer",
    "TRADE_BUYER_NOT_MATCH": "payer",
    "BUYER_ENABLE_STATUS_FORBID": "payer",
    "TRADE_HAS_CLOSE": "order_closed",
}
_REFUND: dict[str, RefusedReason] = {
    **_GATEWAY,
    "REFUND_AMT_NOT_EQUAL_TOTAL": "invalid_request",
    "REASON_TRADE_REFUND_FEE_ERR": "invalid_request",
    "NOT_ALLOW_PARTIAL_REFUND": "invalid_request",
    "TRADE_NOT_EXIST": "invalid_request",
    "TRADE_NOT_ALLOW_REFUND": "not_permitted",
    "REASON_TRADE_BEEN_FREEZEN": "risk",
    "CUSTOMER_VALIDATE_ERROR": "payer",
    "TRADE_HAS_FINISHED": "order_closed",
    "TRADE_HAS_CLOSE": "order_closed",
    "TRADE_STATUS_ERROR": "order_closed",
}
_TOO_FREQUENT = frozenset({"APP_CALL_LIMITED", "METHOD_CALL_LIMITED", "CALL_LIMITED"})


def canonical(sub_code: str) -> str:
    """One spelling for the codes that the two protocols and the documents spell in several ways."""
    code = sub_code.upper().replace("-", "_")
    for prefix in _PREFIXES:
        code = code.removeprefix(prefix)
    return _SPELLINGS.get(code, code)


def why_order_refused(said: Said) -> RefusedReason | None:
    """Why an order was refused, or None when the outcome is unknown."""
    if canonical(said.sub_code).startswith("SECONDARY_MERCHANT_"):
        return "configuration"
    return _listed(_ORDER, said)


def why_refund_refused(said: Said) -> RefusedReason | None:
    """Why a refund was refused with nothing left behind, or None."""
    return _listed(_REFUND, said)


def why_call_refused(said: Said) -> RefusedReason | None:
    """Why any other call was refused before anything happened, or None."""
    return "too_frequent" if is_too_frequent(said) else _listed(_GATEWAY, said)


def is_too_frequent(said: Said) -> bool:
    """Whether the call was held off for coming too often, before anything happened."""
    return said.code in {"40005", "429"} or canonical(said.sub_code) in _TOO_FREQUENT


def _listed(table: dict[str, RefusedReason], said: Said) -> RefusedReason | None:
    """20000 is a failure of Alipay's, whatever is written beside it."""
    return None if said.code in {"20000", "40005", "429"} else table.get(canonical(said.sub_code))
