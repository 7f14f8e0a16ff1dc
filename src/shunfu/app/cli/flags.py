"""A command whose options are the fields of one frozen dataclass: for commands with more than six of them.

Must not know: any command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, TypeVar, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    F = TypeVar("F", bound=DataclassInstance)
else:
    F = TypeVar("F")


def flags(kind: type[F]) -> Callable[[Callable[[F], None]], Callable[..., None]]:
    """Make a command of a function over such a dataclass, whose fields are annotated as typer's arguments are."""

    def made(command: Callable[[F], None]) -> Callable[..., None]:
        def called(**told: object) -> None:
            command(kind(**told))

        hints = get_type_hints(kind, include_extras=True)
        parameters = [
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.default is MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in fields(kind)
        ]
        called.__name__, called.__doc__, called.__annotations__ = command.__name__, command.__doc__, hints
        vars(called)["__signature__"] = Signature(parameters)  # what typer reads the options from
        return called

    return made
