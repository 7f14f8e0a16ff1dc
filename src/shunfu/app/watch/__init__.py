"""What the house shows of itself while it runs: figures for Prometheus, traces for OpenTelemetry. No personal data.

Nothing below `app` knows of either: what a room has to tell it tells a function that it was given.
"""

from shunfu.app.watch.meters import Meters
from shunfu.app.watch.observer import RequestSeen, Span, Tracing, Watch

__all__ = ["Meters", "RequestSeen", "Span", "Tracing", "Watch"]
