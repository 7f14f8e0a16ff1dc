"""Who has come too often: one place that counts addresses, keys, tries to log in, and failures.

An address is counted before anything is read; a key once it is known to be one, so that nobody spends another's
allowance; a failure after its answer. Genuine messages of channels are never counted: to lose one is worse than to
verify a hundred. Must not know: HTTP.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from shunfu.app.http.rates import Buckets, Rate
from shunfu.app.settings import Settings
from shunfu.kernel.caller import Caller
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import Pause, RateLimited

KEYS_A_MERCHANT = 4
"""All keys of one merchant together may do so many times what one may: making keys does not make allowance."""
GENUINE_SECONDS = 24 * 3600.0
GENUINE_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Gates:
    """The buckets of an installation's process."""

    address: Buckets
    key: Buckets
    merchant: Buckets
    login: Buckets
    sign_in: Buckets
    failures: Buckets
    known: Known

    @classmethod
    def of(cls, settings: Settings, source: Source) -> Gates:
        """As the settings say, by the house's clock."""

        def seconds() -> float:
            return source.now().timestamp()

        def buckets(name: str, setting: str, factor: int = 1) -> Buckets:
            return Buckets(Rate(name, settings.whole(f"limit_{setting}_per_minute") * factor), seconds)

        return cls(
            address=buckets("address", "address"),
            key=buckets("key", "key"),
            merchant=buckets("merchant", "key", KEYS_A_MERCHANT),
            login=buckets("login", "login"),
            sign_in=buckets("sign_in", "sign_in"),
            failures=buckets("failures", "failures"),
            known=Known(seconds),
        )

    def pass_caller(self, caller: Caller) -> None:
        """Count one request of an authenticated caller; a guest was counted by address. Raises RateLimited."""
        if caller.kind == "guest":
            return
        if caller.kind == "api_key":
            pass_one(self.merchant, caller.merchant_id)
        pass_one(self.key, (caller.merchant_id, caller.subject))

    def pass_link(self, merchant_id: UUID, subject: str) -> None:
        """Count one look at a checkout page. Raises RateLimited."""
        pass_one(self.key, (merchant_id, subject))

    def pass_message(self, address: str) -> None:
        """Let a channel's message in unless this address only ever sent forged ones, and many. Raises RateLimited."""
        if not self.known.has(address):
            stop_failing(self.failures, address)


def pass_one(buckets: Buckets, key: object) -> None:
    """Take one of a key's allowance. Raises RateLimited."""
    wait = buckets.take(key)
    if wait:
        raise RateLimited(pause=Pause(buckets.rate.name, buckets.rate.size, wait))


def stop_failing(buckets: Buckets, key: object) -> None:
    """Raises RateLimited when a key has no failure left; takes none."""
    wait = buckets.wait_seconds(key)
    if wait:
        raise RateLimited(pause=Pause(buckets.rate.name, buckets.rate.size, wait))


class Known:
    """The addresses from which a genuine message came within a day; bounded, the oldest goes first."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._since: OrderedDict[str, float] = OrderedDict()

    def note(self, address: str) -> None:
        """A genuine message came from there."""
        self._since[address] = self._seconds()
        self._since.move_to_end(address)
        if len(self._since) > GENUINE_MAX:
            self._since.popitem(last=False)

    def has(self, address: str) -> bool:
        """Whether one came within a day."""
        since = self._since.get(address)
        return since is not None and self._seconds() - since < GENUINE_SECONDS
