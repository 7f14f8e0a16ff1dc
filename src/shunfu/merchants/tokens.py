"""The checkout token: merchant, order, expiry and a tag. It lets its holder see and pay one order, until it expires."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.kernel.ids import decode, encode
from shunfu.kernel.signing import Signer

_TOKEN = re.compile(r"([0-9A-HJKMNP-TV-Z]{26})([0-9A-HJKMNP-TV-Z]{26})([0-9]{10})([A-Za-z0-9_-]{22})")
_PURPOSE = "checkout"


@dataclass(frozen=True, slots=True)
class CheckoutToken:
    """What a genuine token says."""

    merchant_id: UUID
    order_id: UUID
    expires_at_seconds: int


def write_checkout_token(signer: Signer, merchant_id: UUID, order_id: UUID, expires_at: datetime) -> str:
    """A token of 84 URL-safe characters that ends at `expires_at`, rounded down to whole seconds."""
    text = f"{encode(merchant_id)}{encode(order_id)}{int(expires_at.timestamp()):010d}"
    return text + signer.tag(_PURPOSE, text)


def read_checkout_token(signer: Signer, token: str, now: datetime) -> CheckoutToken | None:
    """What the token says, or None when it is not ours or has ended."""
    match = _TOKEN.fullmatch(token)
    if match is None or not signer.is_genuine(_PURPOSE, token[:62], match[4]):
        return None
    merchant_id, order_id, ends = decode(match[1]), decode(match[2]), int(match[3])
    if merchant_id is None or order_id is None or now.timestamp() >= ends:
        return None
    return CheckoutToken(merchant_id, order_id, ends)
