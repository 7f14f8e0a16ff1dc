"""What is counted as it happens. Every label is from a bounded set of ours: no id, no path, no text of anybody's."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SLOW = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meters:
    """One registry with its meters; one a process."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        build = Gauge("shunfu_build_info", "This build, always 1.", ["version"], registry=self.registry)
        build.labels(version).set(1)
        self._requests = self._histogram(
            "shunfu_http_request_seconds", "Requests, by the template of their address.", "method route status", QUICK
        )
        self._calls = self._histogram(
            "shunfu_channel_call_seconds", "Exchanges with channels, each try.", "channel verb outcome", SLOW
        )
        self._jobs = self._histogram("shunfu_job_seconds", "Jobs that ran.", "kind outcome", SLOW)
        self._hooks = self._histogram("shunfu_webhook_attempt_seconds", "Tries to tell a merchant.", "outcome", SLOW)
        self._events = Counter("shunfu_events", "Facts that were committed.", ["event"], registry=self.registry)

    def _histogram(self, name: str, text: str, labels: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, labels.split(), registry=self.registry, buckets=buckets)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request; status 0 is a crash or a client that went away."""
        told = method if method in METHODS else "other"
        self._requests.labels(told, route or "none", f"{status // 100}xx" if status else "none").observe(seconds)

    def call(self, channel: str, verb: str, outcome: str, seconds: float) -> None:
        """One exchange with a channel."""
        self._calls.labels(channel, verb, outcome).observe(seconds)

    def job(self, kind: str, outcome: str, seconds: float) -> None:
        """One run of a job."""
        self._jobs.labels(kind, outcome).observe(seconds)

    def webhook(self, outcome: str, seconds: float) -> None:
        """One try to deliver a webhook."""
        self._hooks.labels(outcome).observe(seconds)

    def event(self, name: str) -> None:
        """One fact was committed."""
        self._events.labels(name).inc()
