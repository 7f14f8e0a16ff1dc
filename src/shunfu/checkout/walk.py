"""The walk of a wallet's own browser through its platform's login: what is signed before and believed after. Pure.

The state holds letters and digits only (platforms allow no more, and 128 of them). It names one tap: order, method,
amount and offer; the nonce in it must come back in the browser's cookie too, so that nobody can send somebody else on
the way with a state of their own (RFC 6819 section 4.4.1.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from shunfu.kernel.signing import Signer, from_text, to_text

LIFE = timedelta(minutes=10)
_STATE = re.compile(r"([0-9A-Z]{32})([0-9]{10})([0-9a-f]{32})", re.ASCII)
_PURPOSE = "web_login"


@dataclass(frozen=True, slots=True)
class Tap:
    """What the shopper tapped: which order to pay by which method, the amount on the button and the offer in it."""

    merchant_id: UUID
    order_id: UUID
    method: str
    amount_minor: int | None
    offer_id: UUID | None


def write_state(signer: Signer, tap: Tap, nonce: str, now: datetime) -> str:
    """The state to walk with; `nonce` is 32 capitals and digits."""
    ends = f"{int((now + LIFE).timestamp()):010d}"
    tag = from_text(signer.tag(_PURPOSE, _text(tap, nonce, ends)))
    assert tag is not None, "a tag is what from_text reads"
    return f"{nonce}{ends}{tag.hex()}"


def read_state(signer: Signer, tap: Tap, state: str, now: datetime) -> str | None:
    """The nonce of a state that we made for this tap and that has not ended, or None."""
    found = _STATE.fullmatch(state)
    if found is None or now.timestamp() >= int(found[2]):
        return None
    tag = to_text(bytes.fromhex(found[3]))
    return found[1] if signer.is_genuine(_PURPOSE, _text(tap, found[1], found[2]), tag) else None


def is_same_browser(nonce: str, cookie: str) -> bool:
    """Whether the browser that came back is the one that left; compared in constant time."""
    return compare_digest(nonce.encode(), cookie.encode("utf-8", "replace"))


def _text(tap: Tap, nonce: str, ends: str) -> str:
    return f"{tap.merchant_id} {tap.order_id} {tap.method} {tap.amount_minor} {tap.offer_id} {nonce} {ends}"
