"""Whether traces are made at all: the extra is only imported when the settings name a collector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from types import ModuleType
from typing import cast

import shunfu
from shunfu.app.settings import Settings
from shunfu.app.watch.meters import Meters
from shunfu.app.watch.observer import Tracing, Watch
from shunfu.kernel.errors import SetupFault

EXTRA = "shunfu.app.watch.otel"


class ClosableTracing(Tracing):
    """A tracer that can be closed."""

    def close(self) -> None:
        """Send what is left. Blocks."""


def make_tracing(settings: Settings, find: Callable[[str], ModuleType] = import_module) -> ClosableTracing | None:
    """The tracer of the settings, or None. Raises SetupFault when its packages are not there."""
    endpoint = settings.otel_endpoint
    if endpoint is None:
        return None
    try:
        made = find(EXTRA)
    except ImportError as error:
        raise SetupFault(
            f"otel_endpoint is set, but {error.name} is not installed. Run: pip install 'shunfu[otel]'"
        ) from error
    return cast("ClosableTracing", made.make(endpoint, shunfu.__version__, settings.number("otel_sample")))


@asynccontextmanager
async def watching(settings: Settings) -> AsyncGenerator[Watch]:
    """The house's observer; what it still holds is sent at the end."""
    tracing = make_tracing(settings)
    try:
        yield Watch(Meters(shunfu.__version__), tracing)
    finally:
        if tracing is not None:
            await asyncio.to_thread(tracing.close)
