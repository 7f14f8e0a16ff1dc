"""Where this installation's keys come from: the key file, an environment variable, and a key service's program."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial

from shunfu.app.settings import Settings
from shunfu.kernel.errors import SetupFault
from shunfu.merchants import (
    CommandKms,
    KeyContents,
    KeyRing,
    Kms,
    read_key_file,
    read_key_text,
    replace_key_file,
)


def open_ring(settings: Settings) -> KeyRing:
    """The key ring. Raises SetupFault with what to do."""
    text = settings.secret("keys")
    if text is None:
        return read_key_file(settings.key_file, kms_of(settings))
    return KeyRing.of(read_key_text(text, settings.sources["keys"]), kms=kms_of(settings))


def kms_of(settings: Settings) -> Kms | None:
    """The key service behind `kms_command`, or None."""
    told = settings.values["kms_command"]
    if told is None:
        return None
    try:
        words = tuple(shlex.split(str(told)))
    except ValueError as error:
        raise SetupFault(f"The setting 'kms_command' cannot be read: {error}.") from error
    if not words:
        raise SetupFault("The setting 'kms_command' must name a program.")
    return CommandKms(words, settings.number("kms_timeout_seconds"), wraps=settings.is_on("kms_wraps"))


def keeper(settings: Settings) -> Callable[[KeyContents, KeyContents], None] | None:
    """Writes the key file anew; None where the keys are in an environment variable."""
    return None if settings.secret("keys") is not None else partial(replace_key_file, settings.key_file)


def describe_ring(settings: Settings, ring: KeyRing) -> str:
    """What is used, for `doctor`; never a key."""
    is_text = settings.secret("keys") is not None
    place = settings.sources["keys"] if is_text else str(settings.key_file)
    told = f"{place}, {len(ring.keys)} key encryption key(s)"
    if ring.is_outside:
        told += f"; what seals is wrapped by kms_command ({shlex.split(settings.text('kms_command'))[0]})"
    return f"{told}; back it up apart from the database"
