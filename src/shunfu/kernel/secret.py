"""A value that never prints: repr, str, format, pickle and JSON all show stars. `reveal()` is the one way in."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar

T = TypeVar("T", str, bytes)


class Secret(Generic[T]):
    """Holds a secret text or bytes; compare and hash are refused so that it cannot leak by a dictionary either."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The secret itself; call it at the last moment."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    __hash__ = None  # pyright: ignore[reportAssignmentType]
