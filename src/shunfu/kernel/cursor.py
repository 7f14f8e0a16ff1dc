"""The paging cursor: the last id and a tag that binds it to merchant, filter and order."""

from __future__ import annotations

from uuid import UUID

from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.ids import decode, encode
from shunfu.kernel.signing import Signer

FIRST = UUID(int=(1 << 128) - 1)
"""Above every id: where a list that starts with the newest begins."""

_PURPOSE = "cursor"


def write_cursor(signer: Signer, merchant_id: UUID, bound: str, last: UUID) -> str:
    """A cursor that goes on below `last`, only for this merchant and this list; 48 characters."""
    return encode(last) + signer.tag(_PURPOSE, f"{merchant_id}|{bound}|newest|{last}")


def read_cursor(signer: Signer, merchant_id: UUID, bound: str, cursor: str | None) -> UUID:
    """The id to go on below. Raises InvalidField for any cursor but one of ours for this list."""
    if cursor is None:
        return FIRST
    last = decode(cursor[:26])
    if last is None or not signer.is_genuine(_PURPOSE, f"{merchant_id}|{bound}|newest|{last}", cursor[26:]):
        raise InvalidField(errors=(FieldError("/cursor", "not_valid"),))
    return last
