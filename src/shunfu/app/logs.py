"""Log lines: one an event, key=value or JSON, on standard error. Values are escaped, so that no line can be forged."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

QUIET = ("uvicorn.access", "uvicorn.error", "asyncio")


def _on_one_line(renderer: Processor) -> Processor:
    """The renderer, but what it lets through that does not print becomes its JSON escape: attack A52."""

    def render(logger: WrappedLogger, name: str, event: EventDict) -> str:
        line = str(renderer(logger, name, event))
        if line.isprintable():
            return line
        return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in line)

    return render


class _AsEvents(logging.Formatter):
    """Lines of libraries and of rooms that use the standard library's logging, in the same form and on one line each.

    Without a handler of ours their tracebacks would be printed as they are, with whatever text is in the error.
    """

    def __init__(self, renderer: Processor) -> None:
        super().__init__()
        self._render = _on_one_line(renderer)

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        event: EventDict = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return str(self._render(None, record.levelname, event))


def configure(log_format: str, level: int = logging.INFO) -> None:
    """Set up structlog for this process. `log_format` is `text` or `json`."""
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _on_one_line(renderer),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_AsEvents(renderer))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
