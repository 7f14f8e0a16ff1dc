"""Template Pay's error codes in our words: Refused only when the documentation says that nothing is left behind."""

from __future__ import annotations

from shunfu.gateway.evidence import Refused, RefusedReason, Unknown

NOT_FOUND = "NOT_FOUND"

_REFUSED: dict[str, RefusedReason] = {
    "BAD_FIELD": "invalid_request",
    "RISK": "risk",
    "TOO_MUCH": "invalid_request",
    "NOT_PAID": "not_permitted",
}


def read_refused(code: object) -> Refused | Unknown:
    """Why the channel said no, or Unknown for every code that is not listed."""
    if isinstance(code, str) and code in _REFUSED:
        return Refused(_REFUSED[code], code)
    return Unknown("the code is not one that we know")
