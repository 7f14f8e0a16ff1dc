"""What the pages made of panels show in tests, with texts that strangers chose wherever a stranger can choose one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from shunfu.console.kit import Frame, Label, Listing, nav_groups, render
from shunfu.console.model import JobFault, Signer, Today
from shunfu.console.sections import alarms, audit, jobs, ledger, offers, settings
from shunfu.console.sections.experience import page as experience
from shunfu.console.sections.keys import page as keys
from shunfu.console.sections.reconcile import page as reconcile
from shunfu.console.sections.webhooks import page as webhooks
from shunfu.driver import discover
from shunfu.gateway.port import Identity
from shunfu.inspections import Alarm
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import Words
from shunfu.kernel.secret import Secret
from shunfu.ledger import Balance, LedgerDay, LedgerLine, capture
from shunfu.merchants import AuditEntry, AuditRow, KeyExpiry, ListedKey, OpenAccount
from shunfu.offers import Offer, OfferState, Terms
from shunfu.reconcile import Break, BreakState, Preview, Run
from shunfu.reconcile.model import BreakKind, Ours, RunState, Subject, Theirs
from shunfu.reconcile.proposals import Proposal
from shunfu.reconcile.usecases.previewing import Change
from shunfu.telemetry import Day, Funnel, Slice, Timing
from shunfu.webhooks import Attempt, Delivery, Endpoint, Shown, Told
from shunfu.webhooks.model import DeliveryState, EndpointState, KeptSecret, Message

NOW = datetime(2026, 11, 22, 6, 2, 38, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> \u202eknab\u2066 \"quoted\" & 'x'"
MERCHANT = UUID(int=7)


def uid(number: int) -> UUID:
    return UUID(int=(0x019A_A000_0000 << 80) | (0x7 << 76) | (0b10 << 62) | number)


SECRETS = (KeptSecret(uid(90), {}, NOW - timedelta(days=40)),)
ENDPOINT = Endpoint(
    MERCHANT, uid(91), "https://shop.example.com/hooks", ("*",), HOSTILE, EndpointState.ENABLED, SECRETS, NOW
)
FAILING = Endpoint(
    MERCHANT,
    uid(92),
    "https://old.example.com/a/very/long/path/that/does/not/end/before/the/margin/of/a/phone",
    ("payment.captured", "refund.succeeded"),
    "",
    EndpointState.DISABLED,
    SECRETS,
    NOW,
    failing_since=NOW - timedelta(days=3),
    disabled_at=NOW,
    disabled_reason="failing",
)
MESSAGE = Message(MERCHANT, uid(93), 4, "payment.captured", public("ord", uid(10)), 1, '{"note":"<b>x</b>"}', NOW, NOW)
TOLD = Told(
    MESSAGE,
    (
        Delivery(MERCHANT, uid(91), uid(93), MESSAGE.subject, 1, DeliveryState.DELIVERED, False, 1, NOW),
        Delivery(MERCHANT, uid(92), uid(93), MESSAGE.subject, 1, DeliveryState.GIVEN_UP, False, 10, NOW),
    ),
)
TELLINGS = [TOLD, Told(MESSAGE, ())]
TRIES = (
    Attempt(uid(94), uid(91), NOW, 120, 200, "ok", ""),
    Attempt(uid(95), uid(92), NOW, 15000, None, "timeout", HOSTILE),
)
SUMMARY: dict[str, Any] = {
    "lines": 48_210,
    "equation": {
        "currency": "CNY",
        **{f"{name}_minor": minor for minor, name in enumerate(reconcile.SUMS, 100)},
        "differences": {"missing_here": 8600, "fee": -12},
    },
}


def run(state: RunState = RunState.DONE, reason: str | None = None) -> Run:
    return Run(
        run_id=uid(100),
        account_id=uid(101),
        channel="pigeon",
        channel_account="1900000109",
        day=date(2026, 11, 21),
        state=state,
        attempt=1,
        lease_until=None,
        requested_by="stf_1",
        fee_permyriad=38,
        statement_id=None,
        funds_statement_id=None,
        summary=SUMMARY if state is RunState.DONE else None,
        fee_posted_minor=0,
        settled_posted_minor=0,
        reason=reason,
        requested_at=NOW,
        started_at=NOW,
        ended_at=NOW if state is RunState.DONE else None,
    )


def found(state: BreakState, proposed_by: str | None = None, note: str | None = None) -> Break:
    return Break(
        merchant_id=MERCHANT,
        break_id=uid(110),
        account_id=uid(101),
        channel="pigeon",
        day=date(2026, 11, 21),
        kind=BreakKind.MISSING_HERE,
        subject=Subject("payment", "01KA0000000000000000000030"),
        opened_run_id=uid(100),
        last_run_id=uid(100),
        ours=Ours("payment", uid(30), "PENDING", 8600, "CNY", None, NOW),
        theirs=Theirs(8600, 33, "CNY", "SUCCESS", True, NOW, HOSTILE, 12),
        expected_fee_minor=None,
        difference_minor=8600,
        currency="CNY",
        state=state,
        proposal=None,
        proposed_by=proposed_by,
        decided_by=None,
        note=note,
        found_at=NOW,
        repaired_at=None,
        updated_at=NOW,
    )


ADVICE = Proposal("apply_payment", Words("按对账单记为已收款。", "Record it as paid, on the statement's word."))
POSTING = capture(uid(30), Money(8600, "CNY"), ("pigeon", "1900000109"), NOW)
CHANGES = (Change("payment", "PENDING", "CAPTURED"), Change("order", "OPEN", "PAID"), Change("refund", "UNKNOWN", None))
OPEN = Preview(found(BreakState.OPEN), ADVICE, CHANGES, POSTING)
PROPOSED = Preview(found(BreakState.PROPOSED, "stf_2", HOSTILE), ADVICE, CHANGES, POSTING)
OWN = Preview(found(BreakState.PROPOSED, "stf_1"), Proposal("none", ADVICE.words), ())
BALANCES = [
    Balance("channel_receivable:pigeon:1900000109", "CNY", "debit", 18_240_650, 211_800),
    Balance("sales", "CNY", "credit", 0, 18_240_650),
    Balance("of_tomorrow", "CNY", "credit", 0, 0),
]
BOOKS = ledger.Books(
    BALANCES,
    [LedgerDay(date(2026, 11, 21), "pigeon", "CNY", 18_240_650, 0, 211_800, 0, 0, 69_000, 0, 17_959_850)],
    [
        LedgerLine(uid(120), "capture", uid(30), "channel_receivable:pigeon:1", "sales", Money(8600, "CNY"), NOW),
        LedgerLine(uid(121), "of_tomorrow", uid(31), "a", "b", Money(8600, "CNY"), NOW),
    ],
)
AUDIT = [
    AuditRow(
        4,
        uid(130),
        AuditEntry(MERCHANT, "stf_1", "refund.approved", "rfd_1", detail={"amount_minor": 8600, "note": HOSTILE}),
        NOW,
        bytes(32),
        bytes(range(32)),
    ),
    AuditRow(3, uid(131), AuditEntry(MERCHANT, "cli", "a.word_of_tomorrow", "x"), NOW, bytes(32), bytes(32)),
]
FAULT = JobFault(uid(140), "payments.ask", HOSTILE, "dead", 16, f"Traceback\n  {HOSTILE}\n" * 12, NOW)
LISTED = [
    ListedKey(uid(150), HOSTILE, frozenset({"orders:read", "orders:write"}), NOW, NOW + timedelta(days=3), None),
    ListedKey(uid(151), "旧", frozenset({"orders:read"}), NOW, None, NOW),
    ListedKey(uid(152), "过期", frozenset({"orders:read"}), NOW, NOW - timedelta(days=1), None),
]
CHANNEL = next(iter(discover().channels.values()))
ACCOUNT = OpenAccount(
    uid(101), CHANNEL, object(), Identity("1900000109", HOSTILE), is_sandbox=True, scenes=CHANNEL.scenes
)
ENDS = [
    KeyExpiry("api_key", public("key", uid(150)), HOSTILE, NOW + timedelta(days=3), False, 3),
    KeyExpiry("channel_account", public("acc", uid(101)), "platform_certificate", NOW, True, 0),
    KeyExpiry("webhook_secret", public("whk", uid(91)), "signing", NOW + timedelta(days=200), False, 200),
    KeyExpiry("data_key", "dek_1", "payer", None, False, None),
]
SIGNERS = [Signer("PUB_KEY_ID_0000000000000024101100397200000006", 812, NOW), Signer(HOSTILE, 1, NOW)]
RINGS = keys.Rings(LISTED, [ACCOUNT], ENDS, ["pigeon", "crow"], NOW)
ALARMS = [
    Alarm(MERCHANT, uid(160), "surplus", public("pay", uid(30)), "", NOW),
    Alarm(MERCHANT, uid(161), "key_expiring", public("key", uid(150)), f"{HOSTILE} · 7", NOW),
    Alarm(MERCHANT, uid(162), "a_word_of_tomorrow", "", "", NOW, "stf_1", NOW),
]

HALF_OFF = Terms("percent_off", "CNY", NOW - timedelta(days=1), NOW + timedelta(days=1), percent_bp=1250)
FIVE_OFF = Terms("amount_off", "CNY", HALF_OFF.starts_at, HALF_OFF.ends_at, amount_minor=500, minimum_minor=5000)
OFFERS = [
    Offer(MERCHANT, uid(170), HOSTILE, replace(FIVE_OFF, stock=1000), OfferState.ACTIVE, NOW, None, 3, 996),
    Offer(MERCHANT, uid(171), "九折", replace(HALF_OFF, starts_at=NOW + timedelta(hours=1)), OfferState.ACTIVE, NOW),
    Offer(
        MERCHANT, uid(172), "八七五折", replace(HALF_OFF, cap_minor=2000, per_shopper_max=1), OfferState.ENDED, NOW, NOW
    ),
    Offer(MERCHANT, uid(173), "过时", replace(FIVE_OFF, ends_at=NOW), OfferState.ACTIVE, NOW),
]

VISITS = Slice(MERCHANT, date(2026, 11, 16), date(2026, 11, 22))
CHOICES = {
    "method": ["pigeon/native", "crow/h5", "stranger/miniprogram"],
    "system": ["android", "harmony", "ios", "a_system_of_tomorrow"],
    "host": ["web", "<b>wallet</b>"],
    "host_version": ["8.0.60"],
    "version": ["1.0.0"],
}
SEEN = experience.Experience(
    asked=VISITS,
    span="7",
    funnel=Funnel(12_480, 12_301, 12_044, 11_020, 10_987, 10_412, 9_980, 640, 402, 231, 37, 118),
    timings={
        "first_screen": Timing("first_screen", 12_301, 640, 1_180, 2_460),
        "checkout": Timing("checkout", 10_412, 21_900, 34_000, 61_000),
        "taps": Timing("taps", 10_412, 1, 1, 3),
        "cls": Timing("cls", 12, 15, 60, 250),
    },
    days=[Day(date(2026, 11, 16 + place), 1500 + 90 * place, 1200 + 80 * place, 900 + place) for place in range(6)]
    + [Day(date(2026, 11, 22), 3, 0, None)],
    choices=CHOICES,
    counts={"no_consent": 812, "at_ms": 3, "taps": 1},
)
UNSEEN = experience.Experience(VISITS, "7", Funnel(), {}, [], {}, {})
NARROW = replace(UNSEEN, asked=replace(VISITS, system="harmony", host=HOSTILE[:25]))
UNTIMED = replace(UNSEEN, funnel=Funnel(1), days=[Day(date(2026, 11, 22), 1, 0, None)])


def every(frame: Frame, live: Frame, label: Label, today: Today) -> dict[str, str]:
    """Each page by name: `frame` may do everything, `live` may only read."""
    older = Listing("OPEN", "", is_first=False, older="0" * 48)

    def told(channel: str) -> Words:
        return label(channel) if channel in {"pigeon", "crow"} else Words(channel, channel)

    desk = reconcile.Desk([run(), run(RunState.FAILED, HOSTILE)], [OPEN.found], [(uid(101), "pigeon")], NOW.date())
    bare = reconcile.Desk([], [], [], NOW.date())
    return {
        "more": render(frame, "more.html", "more", title=frame.say("console.more"), groups_here=nav_groups(frame)),
        "webhooks": webhooks.render_webhooks(
            frame, webhooks.Hooks([ENDPOINT, FAILING], TELLINGS, 4, ["payment.captured"])
        ),
        "webhooks-empty": webhooks.render_webhooks(live, webhooks.Hooks([], [], None, [])),
        "endpoint": webhooks.render_endpoint(frame, ENDPOINT, NOW),
        "endpoint-off": webhooks.render_endpoint(frame, FAILING, NOW),
        "endpoint-secret": webhooks.render_secret(frame, Shown(ENDPOINT, Secret("whsec_" + "x" * 44))),
        "message": webhooks.render_message(frame, TOLD, TRIES, [ENDPOINT]),
        "message-untold": webhooks.render_message(live, Told(MESSAGE, ()), (), []),
        "reconcile": reconcile.render_reconcile(frame, desk, older, told),
        "reconcile-empty": reconcile.render_reconcile(live, bare, Listing(), told),
        "run": reconcile.render_run(frame, run(), [OPEN.found], told),
        "run-failed": reconcile.render_run(live, run(RunState.FAILED, HOSTILE), [], told),
        "break": reconcile.render_break(frame, OPEN, told),
        "break-proposed": reconcile.render_break(frame, PROPOSED, told),
        "break-own": reconcile.render_break(frame, OWN, told),
        "ledger": ledger.render_ledger(frame, BOOKS, older, told),
        "ledger-empty": ledger.render_ledger(live, ledger.Books([], [], []), Listing(), told),
        "audit": audit.render_audit(frame, AUDIT, 3),
        "audit-empty": audit.render_audit(live, [], None),
        "jobs": jobs.render_jobs(frame, [FAULT], older),
        "jobs-empty": jobs.render_jobs(live, [], Listing()),
        "job": jobs.render_job(frame, FAULT),
        "keys": keys.render_keys(frame, RINGS, told),
        "keys-empty": keys.render_keys(live, keys.Rings([], [], [], [], NOW), told),
        "key": keys.render_key(frame, LISTED[0], NOW),
        "key-secret": keys.render_new_key(frame, HOSTILE, Secret("sk_test_" + "0" * 96)),
        "account": keys.render_account(frame, keys.AccountKeys(ACCOUNT, ENDS, SIGNERS), told),
        "account-new": keys.render_account(live, keys.AccountKeys(ACCOUNT, [], []), told),
        "settings": settings.render_settings(frame, ["https://shop.example.com"], [("port", "8700", "default")]),
        "settings-empty": settings.render_settings(live, [], [("database_url", "******", "environment")]),
        "alarms": alarms.render_alarms(frame, ALARMS, older, today),
        "alarms-empty": alarms.render_alarms(live, [], Listing(), today),
        "alarm": alarms.render_alarm(frame, ALARMS[1]),
        "alarm-seen": alarms.render_alarm(live, ALARMS[2]),
        "offers": offers.render_offers(frame, OFFERS, older, NOW),
        "offers-empty": offers.render_offers(live, [], Listing(), NOW),
        "offer": offers.render_offer(frame, OFFERS[0], NOW),
        "offer-ended": offers.render_offer(live, OFFERS[2], NOW),
        "experience": experience.render_experience(frame, SEEN, told),
        "experience-empty": experience.render_experience(live, UNSEEN, told),
        "experience-nothing": experience.render_experience(live, NARROW, told),
        "experience-untimed": experience.render_experience(frame, UNTIMED, told),
    }
