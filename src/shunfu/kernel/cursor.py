"""The paging cursor: the last id and a tag that binds it to merchant, filter and order."""

from __future__ import annotations

from uuid import UUID

from shunfu.kernel.errors import FieldError, InvalidField, NotFoundHere
from shunfu.kernel.ids import decode, encode
from shunfu.kernel.signing import Signer

FIRST = UUID(int=(1 << 128) - 1)
"""Above every id: where a list that starts with the newest begins."""

_PURPOSE = "cursor"


def write_cursor(signer: Signer, merchant_id: UUID, bound: str, last: UUID) -> str:
    """A cursor that goes on below `last`, only for this merchant and this list; 48 characters."""
    return encode(last) + signer.tag(_PURPOSE, f"{merchant_id}|{bound}|newest|{last}")


def read_cursor(signer: Signer, merchant_id: UUID, bound: str, cursor: str | None) -> UUID:
    """The id to go on below. Raises InvalidField for what is no cursor, NotFoundHere for one of another list.

    Another merchant's cursor, or one of another filter, is answered like another merchant's id: it is not there.
    """
    if cursor is None:
        return FIRST
    wrong = (FieldError("/cursor", "not_valid"),)
    last = decode(cursor[:26])
    if last is None:
        raise InvalidField(errors=wrong)
    if not signer.is_genuine(_PURPOSE, f"{merchant_id}|{bound}|newest|{last}", cursor[26:]):
        raise NotFoundHere("This cursor is of no such list of this merchant.", errors=wrong)
    return last
