"""Traces for an OpenTelemetry collector, by OTLP over HTTP: the one file that needs the extra `shunfu[otel]`.

`app/watch/tracing.py` imports it when the settings name a collector. Nothing global is set, nothing is instrumented by
itself: what a span says is written in `observer.py`, and no header, path, address or body is among it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as OpenSpan
from opentelemetry.trace import SpanKind, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shunfu.app.watch.observer import Attributes

QUEUE_MAX = 2048
KINDS = {"server": SpanKind.SERVER, "worker": SpanKind.CONSUMER}


class OtelTracing:
    """Sends spans in batches from a thread of its own; when the collector is away they are dropped."""

    def __init__(self, endpoint: str, version: str, sample: float) -> None:
        resource = Resource({"service.name": "shunfu", "service.version": version})
        self._provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(sample)))
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=5)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE_MAX))
        self._tracer = self._provider.get_tracer("shunfu", version)
        self._context = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, kind: str, parent: Mapping[str, str]) -> Generator[_Span]:
        """A span for as long as the block runs. A failure is marked, and its words are kept out of it."""
        context = self._context.extract(dict(parent)) if parent else None
        opened = self._tracer.start_span(name, context=context, kind=KINDS[kind])
        with use_span(opened, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield _Span(opened)

    def note(self, name: str, seconds: float, attributes: Attributes) -> None:
        """A client's span that has just ended."""
        ended = time.time_ns()
        began = ended - int(seconds * 1e9)
        noted = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=dict(attributes), start_time=began)
        noted.end(ended)

    def close(self) -> None:
        """Send what is left, then stop the thread. Blocks."""
        self._provider.shutdown()


class _Span:
    def __init__(self, opened: OpenSpan) -> None:
        self._opened = opened

    def tell(self, name: str, attributes: Attributes) -> None:
        """Name it and say what is known of it."""
        self._opened.update_name(name)
        self._opened.set_attributes(dict(attributes))


def make(endpoint: str, version: str, sample: float) -> OtelTracing:
    """A tracer that sends to an OTLP collector, for instance `http://127.0.0.1:4318`."""
    address = endpoint if endpoint.endswith("/v1/traces") else f"{endpoint}/v1/traces"
    return OtelTracing(address, version, sample)
