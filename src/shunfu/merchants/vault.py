"""Seals and opens a merchant's secrets: a data key for each merchant and purpose, wrapped by the key file's key.

Unwrapped data keys stay in memory, a bounded number of them; they are immutable, so nothing goes stale.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.secret import Secret
from shunfu.merchants import store
from shunfu.merchants.envelope import (
    KEY_BYTES,
    NONCE_BYTES,
    EnvelopeBroken,
    Key,
    Place,
    seal,
    sealing_key_id,
    unseal,
)
from shunfu.merchants.keyfile import KeyRing

KEYS_IN_MEMORY = 4096


class Vault:
    """One per process; holds the key ring and the data keys it has unwrapped."""

    def __init__(self, ring: KeyRing, source: Source) -> None:
        self._ring = ring
        self._source = source
        self._opened: OrderedDict[tuple[UUID, UUID], Key] = OrderedDict()

    async def seal(self, tx: Transaction, place: Place, purpose: str, plaintext: bytes) -> dict[str, str | int]:
        """Seal bytes for a place; makes the purpose's data key when there is none."""
        key = await self._sealing_key(tx, place.merchant_id, purpose)
        return seal(key, place, plaintext, self._source.entropy.take(NONCE_BYTES))

    async def open(self, reader: Reader, place: Place, envelope: Mapping[str, object]) -> Secret[bytes]:
        """Open an envelope stored at a place. Raises EnvelopeBroken."""
        key_id = sealing_key_id(envelope)
        key = self._opened.get((place.merchant_id, key_id))
        if key is None:
            found = await store.get_data_key(reader, place.merchant_id, key_id)
            if found is None:
                raise EnvelopeBroken
            key = await self._unwrap(place.merchant_id, *found)
        return Secret(unseal(key, place, envelope))

    async def renew(self, tx: Transaction, merchant_id: UUID, purpose: str) -> UUID:
        """Make a new data key for a purpose: it seals from now on, and the old ones open what they sealed."""
        return (await self._make(tx, merchant_id, purpose)).key_id

    async def _sealing_key(self, tx: Transaction, merchant_id: UUID, purpose: str) -> Key:
        found = await store.newest_data_key(tx, merchant_id, purpose)
        if found is None:
            return await self._make(tx, merchant_id, purpose)
        return self._opened.get((merchant_id, found[0])) or await self._unwrap(merchant_id, *found)

    async def _make(self, tx: Transaction, merchant_id: UUID, purpose: str) -> Key:
        key = Key(self._source.new_id(), Secret(self._source.entropy.take(KEY_BYTES)))
        nonce = self._source.entropy.take(NONCE_BYTES)
        wrapped = await self._ring.wrap(wrap_place(merchant_id, key.key_id), key.value.reveal(), nonce)
        await store.add_data_key(tx, merchant_id, key.key_id, purpose, wrapped, now=self._source.now())
        return key

    async def _unwrap(self, merchant_id: UUID, key_id: UUID, wrapped: Mapping[str, object]) -> Key:
        key = Key(key_id, Secret(await self._ring.unwrap(wrap_place(merchant_id, key_id), wrapped)))
        self._opened[merchant_id, key_id] = key
        if len(self._opened) > KEYS_IN_MEMORY:
            self._opened.popitem(last=False)
        return key


def wrap_place(merchant_id: UUID, key_id: UUID) -> Place:
    """Where a wrapped data key is stored."""
    return Place(merchant_id, "data_keys", "wrapped", key_id)
