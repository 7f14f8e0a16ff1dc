"""Who asks: made once at the HTTP edge from a credential, then passed inwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shunfu.kernel.errors import Forbidden

CallerKind = Literal["api_key", "staff", "checkout", "shopper", "guest"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of one merchant. `subject` is the key's, staff member's, order's or shopper's id as public text.

    A guest is authenticated by nothing: the request itself names the merchant, and hardly anything is allowed.
    """

    merchant_id: UUID
    kind: CallerKind
    subject: str
    capabilities: frozenset[str]
    is_live: bool

    def must(self, capability: str) -> None:
        """Raises Forbidden unless the caller has the capability, for instance `orders:write`."""
        if capability not in self.capabilities:
            raise Forbidden
