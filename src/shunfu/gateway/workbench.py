"""The signature workbench: a channel takes a message apart, step by step, and says which step fails and why.

A channel's folder offers it as `CHANNEL.workbench`; `shunfu signature` reads the input and prints the output.
Must not know: files, any channel's fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

Source: TypeAlias = Mapping[str, object]
"""The input's JSON object: `kind` (request, reply, notification, client), keys, and the channel's own parts."""


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of it. `to_sign` is the exact text that is signed; `plaintext` what decrypting gave.

    `valid` is None when nothing was to be verified. `failed_step` is a word for programs (input, key, timestamp,
    serial, signature, certificate, decrypt), `reason` a sentence by language: the likeliest cause, and what to do.
    """

    to_sign: str | None = None
    signature: str | None = None
    valid: bool | None = None
    failed_step: str | None = None
    reason: Mapping[str, str] | None = None
    plaintext: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict[str, str])


class Workbench(Protocol):
    """What a channel's workbench does; none of it raises for what is in the source."""

    def sign(self, source: Source) -> Worked:
        """The exact text to sign, and its signature with `key`."""
        ...

    def verify(self, source: Source) -> Worked:
        """Whether the message's signature holds, and if not, which step fails and the likeliest cause."""
        ...

    def decrypt(self, source: Source) -> Worked:
        """The plaintext of what the message carries encrypted."""
        ...
