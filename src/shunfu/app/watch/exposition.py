"""`/metrics` for Prometheus, on a listener of its own: no proxy in front of the server can publish it by mistake.

Without a token it answers only on this machine, and only to a Host that is an address or `localhost`, so that no web
page can read it through a name that it points here.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from shunfu.app.settings import Settings
from shunfu.app.watch.meters import Meters
from shunfu.console.figures import Figures, read_figures
from shunfu.db import Database, PoolFigure
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import SetupFault, TransientFault
from shunfu.kernel.secret import Secret

PATH = "/metrics"


class Exposition:
    """The application of the metrics' listener."""

    def __init__(self, meters: Meters, database: Database, source: Source, token: Secret[str] | None) -> None:
        self._meters = meters
        self._database = database
        self._source = source
        self._token = token
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await (await self._answer(Request(scope)))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not self._may(request):
            return PlainTextResponse("no\n", 403 if self._token is None else 401)
        if request.url.path != PATH or request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("only GET /metrics\n", 404)
        async with self._turn:  # however many ask, the database is asked by one
            text = generate_latest(self._meters.registry) + generate_latest(await self._now())
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _may(self, request: Request) -> bool:
        if self._token is None:
            return is_own_name(request.headers.get("host", ""))
        shown = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(shown, f"Bearer {self._token.reveal()}".encode())

    async def _now(self) -> CollectorRegistry:
        registry = CollectorRegistry(auto_describe=False)
        try:
            async with self._database.reading() as reader:
                figures = await read_figures(reader, self._source.now())
        except TransientFault:
            figures = None
        registry.register(_Snapshot(figures, self._database.figure()))
        return registry


class _Snapshot(Collector):
    """The figures of one moment: nothing of them is left at the next scrape."""

    def __init__(self, figures: Figures | None, pool: PoolFigure) -> None:
        self._figures = figures
        self._pool = pool

    def collect(self) -> Iterable[Metric]:
        """Every figure as a gauge; without the database only that it is out of reach."""
        up = GaugeMetricFamily("shunfu_database_up", "Whether the database could be asked.")
        up.add_metric([], 0 if self._figures is None else 1)
        connections = GaugeMetricFamily("shunfu_database_connections", "The pool's connections.", labels=["state"])
        for state, count in (("open", self._pool.open), ("most", self._pool.most), ("idle", self._pool.idle)):
            connections.add_metric([state], count)
        return [up, connections, *(_gauges(self._figures) if self._figures else ())]


def _gauges(figures: Figures) -> list[Metric]:
    recent = GaugeMetricFamily("shunfu_payments_recent", "Payments begun within the hour.", labels=["method", "state"])
    unknown = GaugeMetricFamily("shunfu_payments_unknown", "Payments without a result.", labels=["method"])
    unknown_age = _age("shunfu_payments_unknown_oldest_age_seconds", "Age of the oldest of them.", "method")
    refunds = GaugeMetricFamily("shunfu_refunds_open", "Refunds that wait.", labels=["channel", "state"])
    refunds_age = _age("shunfu_refunds_open_oldest_age_seconds", "Age of the oldest of them.", "channel", "state")
    jobs = GaugeMetricFamily("shunfu_jobs", "Jobs that are due or dead.", labels=["kind", "state"])
    jobs_age = _age("shunfu_jobs_due_oldest_age_seconds", "How long the oldest job has been due.", "kind")
    for one in figures.recent:
        recent.add_metric([one.of, one.state], one.count)
    for one in figures.unknown:
        unknown.add_metric([one.of], one.count)
        unknown_age.add_metric([one.of], _seconds(figures, one.oldest_at))
    for one in figures.refunds:
        refunds.add_metric([one.of, one.state], one.count)
        refunds_age.add_metric([one.of, one.state], _seconds(figures, one.oldest_at))
    for job in figures.jobs:
        jobs.add_metric([job.kind, job.state], job.count)
        if job.oldest_at is not None:
            jobs_age.add_metric([job.kind], _seconds(figures, job.oldest_at))
    return [recent, unknown, unknown_age, refunds, refunds_age, jobs, jobs_age]


def _age(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)


def _seconds(figures: Figures, since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (figures.at - since).total_seconds())


def is_own_name(host: str) -> bool:
    """Whether a Host header is an address or `localhost`: a name of a stranger's that points here is neither."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False


def metrics_address(settings: Settings) -> tuple[str, int] | None:
    """Where the metrics listen; None: nowhere. Raises SetupFault for an open address without a token."""
    host, port = settings.text("metrics_host"), settings.whole("metrics_port")
    if port == 0:
        return None
    if settings.secret("metrics_token") is None and not _is_loopback(host):
        raise SetupFault(f"metrics_host {host} can be reached from elsewhere: set metrics_token, or use 127.0.0.1.")
    return host, port


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
