"""Everything that is said while a story runs: log lines in both forms, spans, figures, refusals."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from structlog.typing import EventDict, WrappedLogger

from shunfu.app.watch.observer import Attributes


@dataclass
class Said:
    """What came out, by where."""

    text_logs: list[str] = field(default_factory=list[str])
    json_logs: list[str] = field(default_factory=list[str])
    other_logs: list[str] = field(default_factory=list[str])
    spans: list[str] = field(default_factory=list[str])
    refusals: list[str] = field(default_factory=list[str])

    def places(self) -> dict[str, str]:
        """Each place's whole text."""
        return {
            "log lines": "\n".join(self.text_logs),
            "log lines in JSON": "\n".join(self.json_logs),
            "other loggers": "\n".join(self.other_logs),
            "traces": "\n".join(self.spans),
            "refusals": "\n".join(self.refusals),
        }


@contextmanager
def listening(said: Said) -> Generator[None]:
    """Keep every log line, its traceback too, before anything shortens it."""
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False, default=repr)
    as_text = structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True)

    def keep(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        said.text_logs.append(str(as_text(logger, name, dict(event))))
        said.json_logs.append(str(as_json(logger, name, dict(event))))
        raise structlog.DropEvent

    class Others(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.other_logs.append(self.format(record))

    processors = structlog.get_config()["processors"]
    before, others, root = list(processors), Others(logging.DEBUG), logging.getLogger()
    processors[:] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        keep,
    ]
    root.addHandler(others)
    try:
        yield
    finally:
        root.removeHandler(others)
        processors[:] = before


class Recorder:
    """A tracer that writes down whatever it is told."""

    def __init__(self, said: Said) -> None:
        self._said = said

    @contextmanager
    def span(self, name: str, kind: str, parent: Mapping[str, str]) -> Generator[Recorder]:
        """A span."""
        self._said.spans.append(f"{name} {kind} {dict(parent)}")
        yield self

    def tell(self, name: str, attributes: Attributes) -> None:
        """What it was about."""
        self._said.spans.append(f"{name} {dict(attributes)}")

    def note(self, name: str, seconds: float, attributes: Attributes) -> None:
        """A span within."""
        self._said.spans.append(f"{name} {seconds} {dict(attributes)}")
