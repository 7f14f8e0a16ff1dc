"""Passwords as argon2id hashes (RFC 9106, the second recommended choice: 64 MiB, three passes), a few at a time.

Each costs 64 MiB while it is computed, so a crowd at the door stands in a short line instead of filling the memory.
What everybody tries first is refused when a password is chosen: zxcvbn knows the lists (NIST 800-63B, 5.1.1.2).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from shunfu.kernel.errors import TransientFault
from shunfu.merchants.staff.model import Denial, judge_password

AT_A_TIME = 2
WAITING_MAX = 16
"""So many stand in line; whoever comes then is told to come again, so that a crowd takes nobody else's connection."""
JUDGED_CHARACTERS = 72
"""zxcvbn takes the square of the length; what a password's beginning is worth, the whole is worth too."""
GUESSES_LOG10_MIN = 10
"""Ten thousand million guesses: below zxcvbn's highest score a slow hash alone does not save a stolen table."""


class Passwords:
    """Hashes and compares in threads, `AT_A_TIME` of them."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._waiting = 0
        self._judging = asyncio.Lock()  # zxcvbn keeps the names that it is told in a table of its module

    async def hash(self, password: str) -> str:
        """The hash to keep, with its salt and cost. Raises TransientFault when too many wait."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def is_right(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one behind a hash. Without one (an unknown name) it costs the same.

        Raises TransientFault when too many wait.
        """
        async with self._turn():
            return await asyncio.to_thread(self._compare, kept, password) and kept is not None

    async def judge(self, password: str, *, names: tuple[str, ...]) -> Denial | None:
        """Why a password is not taken: too short, little more than a name, or among the first that anybody tries."""
        problem = judge_password(password, names=names)
        if problem is not None:
            return problem
        async with self._judging:
            return await asyncio.to_thread(_estimate, password, names)

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        if self._waiting >= WAITING_MAX:
            raise TransientFault("too many people log in at once")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    @cached_property
    def _nobody(self) -> str:
        """What a guess at an unknown name is compared with."""
        return self._hasher.hash("nobody has this password")

    def _compare(self, kept: str | None, password: str) -> bool:
        nobody = self._nobody
        try:
            return self._hasher.verify(kept or nobody, password)
        except (VerificationError, InvalidHashError):
            return False


def _estimate(password: str, names: tuple[str, ...]) -> Denial | None:
    found = zxcvbn(password[:JUDGED_CHARACTERS], user_inputs=["shunfu", *(name for name in names if name)])
    return "password_common" if float(found["guesses_log10"]) < GUESSES_LOG10_MIN else None
