"""The key ring that is read from the key file: wraps data keys, signs, and follows the file when it is changed.

It is the port of `kms.py` over keys that this process holds; with an outside key service it passes on what that wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from shunfu.kernel.signing import Signer
from shunfu.merchants.envelope import EnvelopeBroken, Key, Place, seal, sealing_key_id, unseal
from shunfu.merchants.key_contents import KeyContents, SigningKey, read_key_contents
from shunfu.merchants.kms import Envelope, Kms, is_by_command

Look = Callable[[], KeyContents | None]
"""The contents, if they have changed since the last look."""


class KeyRing:
    """Key encryption keys by id, which of them wraps now, and the signer for tokens and cursors.

    With a key service, what that has wrapped opens there, and it wraps unless it only has to open.
    """

    def __init__(
        self,
        keys: Mapping[UUID, Key],
        active: UUID,
        signer: Signer,
        *,
        look: Look | None = None,
        kms: Kms | None = None,
    ) -> None:
        signing = (SigningKey(signer.key, None), *(SigningKey(one, None) for one in signer.older))
        self._contents = KeyContents(keys, active, signing, {})
        self._look = look
        self._kms = kms
        self.signer = signer

    @classmethod
    def of(cls, contents: KeyContents, *, look: Look | None = None, kms: Kms | None = None) -> KeyRing:
        """A ring of what a key file holds."""
        ring = cls(contents.keys, contents.active, contents.signer(), look=look, kms=kms)
        ring._contents = contents
        return ring

    @property
    def contents(self) -> KeyContents:
        """What it holds."""
        return self._contents

    @property
    def keys(self) -> Mapping[UUID, Key]:
        """The key encryption keys by id."""
        return self._contents.keys

    @property
    def active(self) -> UUID:
        """Which of them wraps, unless an outside service does."""
        return self._contents.active

    @property
    def is_outside(self) -> bool:
        """Whether an outside service wraps."""
        return self._kms is not None and self._kms.wraps

    def refresh(self) -> bool:
        """Take over the key file if it was changed since. Raises SetupFault when it cannot be read any more."""
        fresh = self._look() if self._look else None
        if fresh is None:
            return False
        self._contents = fresh
        self.signer.adopt(fresh.signer())
        return True

    async def wrapping_id(self) -> str:
        """How envelopes name the key that wraps now. Raises TransientFault while a key service is out of reach."""
        self.refresh()
        return await self._kms.wrapping_id() if self._kms and self._kms.wraps else str(self.active)

    async def wrap(self, place: Place, plaintext: bytes, nonce: bytes) -> Envelope:
        """Wrap under the key that is active in the file at this moment: an older one may be dropped before long."""
        if self._kms is not None and self._kms.wraps:
            return await self._kms.wrap(place, plaintext, nonce)
        self.refresh()
        return seal(self.keys[self.active], place, plaintext, nonce)

    async def unwrap(self, place: Place, envelope: Mapping[str, object]) -> bytes:
        """Open an envelope that any of the keys wrapped. Raises EnvelopeBroken, saying so when the key is missing."""
        if is_by_command(envelope):
            if self._kms is None:
                raise EnvelopeBroken(
                    "An outside key service wrapped this; set kms_command to the program that asks it."
                )
            return await self._kms.unwrap(place, envelope)
        key_id = sealing_key_id(envelope)
        if key_id not in self.keys:
            self.refresh()
        if key_id not in self.keys:
            raise EnvelopeBroken(
                "The key file does not hold the key that wrapped this data key; restore the right key file."
            )
        return unseal(self.keys[key_id], place, envelope)

    def made(self, key_id: UUID) -> datetime | None:
        """When a key encryption key was made, if the file says so."""
        return self._contents.made.get(key_id)

    def __repr__(self) -> str:
        return f"KeyRing({len(self.keys)} key encryption keys)"


def read_key_file(path: Path, kms: Kms | None = None) -> KeyRing:
    """The ring of a key file, which follows the file from now on. Raises SetupFault."""
    seen = _stamp(path)
    contents = read_key_contents(path)

    def look() -> KeyContents | None:
        nonlocal seen
        now = _stamp(path)
        if now == seen:
            return None
        fresh = read_key_contents(path)
        seen = now
        return fresh

    return KeyRing.of(contents, look=look, kms=kms)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Which file stands at the path. A replaced one has another inode, or at least another time."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
