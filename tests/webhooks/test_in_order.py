"""Whatever fails: each message arrives, a subject's state never goes back, and the newest one wins.

Drawn by Hypothesis: in which order messages are announced, what the server answers and when, what gets lost after it
was taken, restarts, a second worker, and endpoints switched off and on. Then everything heals, and time passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.support import run_apart
from shunfu.db import Database, PoolSettings, Urls
from shunfu.webhooks import Outgoing, Sent, disable_endpoint, enable_endpoint
from webhooks.support import OK, Office, open_office, parsed

SUBJECTS, LENGTH = 3, 4
MESSAGES = [(f"ord_{number}", sequence) for number in range(SUBJECTS) for sequence in range(1, LENGTH + 1)]
LOST = Sent(None, "timeout", 20_000)
ANSWERS = [OK, LOST, Sent(500, "status", 1), Sent(302, "redirect", 1), Sent(429, "status", 1, b"", 30), None]
"""None: the worker dies before the answer is recorded."""

Deed = Callable[[Office], object]


@dataclass
class Shop:
    """A merchant's server that keeps each message once, by its id; an answer may be lost after it took one."""

    answers: list[Sent | None]
    is_taken: list[bool]
    states: dict[str, list[int]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    is_well: bool = False

    def reply(self, outgoing: Outgoing) -> Sent:
        answer = OK if self.is_well or not self.answers else self.answers.pop()
        takes = self.is_taken.pop() if self.is_taken else True
        if answer is OK or ((answer is None or answer is LOST) and takes):
            self.take(outgoing)
        if answer is None:
            raise asyncio.CancelledError
        return answer

    def take(self, outgoing: Outgoing) -> None:
        body = parsed(outgoing)
        if body["id"] not in self.ids:
            self.ids.add(body["id"])
            self.states.setdefault(body["subject"], []).append(body["sequence"])


STEPS = st.sampled_from(["announce", "announce", "work", "work", "minute", "hours", "two workers", "off and on"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(MESSAGES),
    steps=st.lists(STEPS, max_size=25),
    answers=st.lists(st.sampled_from(ANSWERS), max_size=40),
    is_taken=st.lists(st.booleans(), max_size=40),
)
def test_the_newest_state_wins_and_never_goes_back(
    database_urls: Urls,
    app_role: str | None,
    order: list[tuple[str, int]],
    steps: list[str],
    answers: list[Sent | None],
    is_taken: list[bool],
) -> None:
    async def life() -> Shop:
        database = await Database.connect(PoolSettings(database_urls.app_url, role=app_role))
        try:
            return await lived(await open_office(database), order, steps, Shop(answers, is_taken))
        finally:
            await database.close()

    shop = run_apart(life())
    expected = list(range(1, LENGTH + 1))
    assert shop.states == {f"ord_{number}": expected for number in range(SUBJECTS)}


async def lived(office: Office, order: list[tuple[str, int]], steps: list[str], shop: Shop) -> Shop:
    """Live through the steps, announce what is left, heal, and let the longest pause of all pass."""
    office.server.reply = shop.reply
    shown = await office.endpoint()
    where = (office.merchant_id, shown.endpoint.endpoint_id)
    left = list(order)
    for step in steps:
        match step:
            case "announce" if left:
                await office.announce(*left.pop())
            case "work":
                await office.work()
            case "minute":
                await office.pass_time(seconds=70)
            case "hours" if not gaps(order, left):  # a gap is only waited for so long: another test has that
                await office.pass_time(hours=6)
            case "two workers":
                await asyncio.gather(office.work(), office.work())
            case "off and on" if not left:
                await disable_endpoint(office.tools, where)
                await office.work()
                await enable_endpoint(office.tools, where)
            case _:
                pass
    while left:
        await office.announce(*left.pop())
    shop.is_well = True
    for _ in range(20):
        await office.pass_time(hours=5)
    return shop


def gaps(order: list[tuple[str, int]], left: list[tuple[str, int]]) -> bool:
    """Whether something was announced before an earlier message of its subject."""
    return any(
        (subject, earlier) in left
        for subject, sequence in order
        if (subject, sequence) not in left
        for earlier in range(1, sequence)
    )
