"""The port to whatever wraps data keys, and one implementation: an outside program that talks to a key service.

The program gets one JSON object on standard input and answers with one on standard output; each call is one process,
started without a shell, ended when its time is up. docs/how-to/keys.md has the words of the two messages.
Must not know: which service is behind it.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Protocol, TypeAlias, cast

from shunfu.kernel.errors import SetupFault, TransientFault
from shunfu.merchants.envelope import VERSION, EnvelopeBroken, Place

Envelope: TypeAlias = dict[str, str | int]
BY_COMMAND = "command:"
"""Before the service's own name of a key, where an envelope says which key it was wrapped with."""
PROBE = b"shunfu probe"
"""Wrapped to learn which key wraps now; not empty, because some services refuse to wrap nothing."""
KEY_NAME_MAX, CIPHERTEXT_MAX = 512, 16_384


class Kms(Protocol):
    """Wraps and unwraps short secrets under key encryption keys. An envelope says under `k` which key it needs.

    `wraps` is False for one that is on its way out: it only opens what it once wrapped.
    """

    wraps: bool

    async def wrapping_id(self) -> str:
        """How envelopes name the key that wraps now."""
        ...

    async def wrap(self, place: Place, plaintext: bytes, nonce: bytes) -> Envelope:
        """Wrap for one place. Raises TransientFault while the key is out of reach."""
        ...

    async def unwrap(self, place: Place, envelope: Mapping[str, object]) -> bytes:
        """Open what was wrapped for that place. Raises EnvelopeBroken, and TransientFault as above."""
        ...


class CommandKms:
    """A key service behind a program. The key never comes here; what it wraps has to go there each time."""

    def __init__(self, command: tuple[str, ...], timeout_seconds: float, *, wraps: bool = True) -> None:
        assert command, "a command has a program"
        self.wraps = wraps
        self.command = command
        self._timeout_seconds = timeout_seconds

    async def wrapping_id(self) -> str:
        """As the service names it now, asked by wrapping a fixed text that is no secret."""
        return str((await self._wrapped("probe", PROBE))["k"])

    async def wrap(self, place: Place, plaintext: bytes, nonce: bytes) -> Envelope:  # noqa: ARG002  the service's own
        """Have it wrapped; the service makes its own nonce. Raises TransientFault."""
        return await self._wrapped(place.text(), plaintext)

    async def unwrap(self, place: Place, envelope: Mapping[str, object]) -> bytes:
        """Have it opened. Raises EnvelopeBroken for one of another place, TransientFault when nothing opens it."""
        if envelope.get("v") != VERSION or envelope.get("a") != place.text() or not is_by_command(envelope):
            raise EnvelopeBroken
        key, ciphertext = str(envelope["k"]).removeprefix(BY_COMMAND), str(envelope.get("c"))
        asked = {"version": 1, "action": "unwrap", "context": place.text(), "key": key, "ciphertext": ciphertext}
        plaintext = (await self._ask(asked)).get("plaintext")
        try:
            if isinstance(plaintext, str):
                return b64decode(plaintext, validate=True)
        except (ValueError, binascii.Error):
            pass  # said below: it may not show what the service answered
        raise self._failed("its answer has no plaintext in base 64")

    async def _wrapped(self, context: str, plaintext: bytes) -> Envelope:
        text = b64encode(plaintext).decode()
        answer = await self._ask({"version": 1, "action": "wrap", "context": context, "plaintext": text})
        key, ciphertext = answer.get("key"), answer.get("ciphertext")
        is_whole = isinstance(key, str) and isinstance(ciphertext, str) and key and ciphertext
        if not is_whole or len(str(key)) > KEY_NAME_MAX or len(str(ciphertext)) > CIPHERTEXT_MAX:
            raise self._failed("its answer has no key and ciphertext")
        return {"v": VERSION, "k": f"{BY_COMMAND}{key}", "n": "", "c": str(ciphertext), "a": context}

    async def _ask(self, question: Mapping[str, str | int]) -> dict[str, object]:
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # it may print what it was given
                env={name: value for name, value in os.environ.items() if not name.startswith("SHUNFU_")},
            )
        except OSError as error:
            raise SetupFault(f"kms_command cannot be started: {self.command[0]} ({error.strerror}).") from error
        try:
            async with asyncio.timeout(self._timeout_seconds):
                said, _ = await process.communicate(json.dumps(question).encode())
        except TimeoutError:
            raise self._failed(f"it took longer than {self._timeout_seconds:g} seconds") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise self._failed(f"exit code {process.returncode}")
        return self._read(said)

    def _read(self, said: bytes) -> dict[str, object]:
        try:
            answer: object = json.loads(said[: CIPHERTEXT_MAX * 2])
        except ValueError:
            raise self._failed("its answer is not JSON") from None
        if not isinstance(answer, dict):
            raise self._failed("its answer is not a JSON object")
        return cast("dict[str, object]", answer)

    def _failed(self, why: str) -> TransientFault:
        return TransientFault(f"The key service behind kms_command does not wrap or unwrap: {why}.")


def is_by_command(envelope: Mapping[str, object]) -> bool:
    """Whether an outside service wrapped it."""
    return str(envelope.get("k", "")).startswith(BY_COMMAND)
