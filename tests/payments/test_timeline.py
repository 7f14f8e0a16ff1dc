"""The timeline of a payment: every message and decision, in order and in its lane; and what should have come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args
from uuid import UUID

import pytest

from payments.samples import CREATED, LABEL, NOW, PAYMENT, evidence, order, payment
from shunfu.driver import Exchange, KeptExchange
from shunfu.kernel.ids import public
from shunfu.notifications import KeptNotification
from shunfu.payments.evidence import Door, KeptEvidence, Kind
from shunfu.payments.model import OrderState, PaymentState
from shunfu.payments.timeline import LINES_MAX, Kept, Line, Told, how_heard, put_together

S = PaymentState
SENT = Exchange(
    exchange_id=UUID(int=50),
    method="POST",
    host="api.example.com",
    path="/pay",
    request_headers={"accept": "application/json"},
    request_sha256=b"\x01" * 32,
    request_bytes=7,
    was_sent=True,
    no_reply=None,
    status=200,
    reply_headers={"request-id": "r1"},
    reply_sha256=b"\x02" * 32,
    reply_bytes=9,
    started_at=CREATED + timedelta(seconds=59),
    took_milliseconds=120,
)
NO_ANSWER = replace(SENT, status=None, no_reply="no reply: time-out", reply_headers=None, reply_sha256=None)
NOT_SENT = replace(NO_ANSWER, no_reply="connection: refused", was_sent=False)
ACCEPTED = evidence("accepted", ("SENDING", "PENDING"))
PAID = evidence("paid", ("PENDING", "CAPTURED"), "query", 6)
NOTIFIED = KeptNotification(
    notification_id=UUID(int=60),
    channel="wechatpay",
    account_id=UUID(int=9),
    verdict="accepted",
    reason="verified",
    external_id="e1",
    event_type="TRANSACTION.SUCCESS",
    happened_at=CREATED,
    recorded_at=CREATED + timedelta(minutes=3),
    headers={"wechatpay-signature": "abc"},
    body_sha256=b"\x03" * 32,
)


def kept(state: PaymentState = S.PENDING, *lines: KeptEvidence, **changes: object) -> Kept:
    told = Kept(payment(state), order(), LABEL, lines, (), ())
    return replace(told, **changes)


def shown(told: Kept) -> list[Line]:
    return put_together(told, NOW)[0]


def lanes(lines: list[Line]) -> list[tuple[str, str | None, str]]:
    return [(line.lane, line.towards, line.kind) for line in lines]


ASKED = [("merchant", "shunfu", "message_in"), ("merchant", "shunfu", "message_in")]
"""The order and the payment: every timeline begins with them."""
DECIDED = ("shunfu", None, "decision")
OUT = ("shunfu", "channel", "message_out")
IN = ("channel", "shunfu", "message_in")
MISSING = ("channel", "shunfu", "expected_missing")


def test_a_request_its_reply_and_the_decision_follow_each_other() -> None:
    lines = shown(kept(S.PENDING, ACCEPTED, exchanges=(KeptExchange(SENT, ACCEPTED.evidence_id),)))
    assert lanes(lines) == [*ASKED, OUT, IN, DECIDED]
    asked, reply, decision = lines[2:]
    assert (asked.detail.method, asked.detail.host, asked.detail.path) == ("POST", "api.example.com", "/pay")
    assert (asked.detail.door, asked.detail.verdict, asked.detail.body_bytes) == ("reply", "sent", 7)
    assert (asked.detail.body_sha256, asked.detail.headers) == ("01" * 32, {"accept": "application/json"})
    assert reply.at - asked.at == timedelta(milliseconds=120)
    assert (reply.detail.status, reply.detail.verdict, reply.detail.evidence) == (200, "trusted", "accepted")
    assert (reply.detail.body_sha256, reply.detail.headers) == ("02" * 32, {"request-id": "r1"})
    assert reply.summary.zh == "微信支付答复 HTTP 200：已收下这一单"
    assert reply.id == asked.id == public("xch", SENT.exchange_id)
    assert (decision.detail.state_before, decision.detail.state_after) == ("SENDING", "PENDING")
    assert decision.summary.en == "Now “waiting for the shopper”: it has taken the order"


def test_an_answer_that_only_leads_to_the_next_request_has_no_verdict() -> None:
    first = KeptExchange(SENT, ACCEPTED.evidence_id)
    after = replace(SENT, exchange_id=UUID(int=51), started_at=SENT.started_at + timedelta(milliseconds=300))
    second = KeptExchange(after, ACCEPTED.evidence_id)
    lines = shown(kept(S.PENDING, ACCEPTED, exchanges=(first, second)))
    assert lanes(lines) == [*ASKED, OUT, IN, OUT, IN, DECIDED]
    assert [line.detail.verdict for line in lines[2:6]] == ["sent", None, "sent", "trusted"]


def test_an_answer_that_cannot_be_trusted_says_why() -> None:
    doubt = evidence("unknown", ("SENDING", "UNKNOWN"), why="HTTP 200: signature headers are missing")
    lines = shown(kept(S.UNKNOWN, doubt, exchanges=(KeptExchange(SENT, doubt.evidence_id),)))
    assert (lines[3].detail.verdict, lines[3].detail.status) == ("not_trusted", 200)
    assert lines[3].detail.reason == "HTTP 200: signature headers are missing"
    assert lines[4].detail.reason == lines[3].detail.reason


def test_an_answer_that_never_came_is_a_line_of_its_own() -> None:
    doubt = evidence("unknown", ("SENDING", "UNKNOWN"))
    lines = shown(kept(S.UNKNOWN, doubt, exchanges=(KeptExchange(NO_ANSWER, doubt.evidence_id),)))
    assert lanes(lines) == [*ASKED, OUT, MISSING, DECIDED]
    assert (lines[3].detail.verdict, lines[3].detail.reason) == ("missing", "no reply: time-out")


def test_a_request_that_was_not_sent_has_no_answer_to_miss() -> None:
    doubt = evidence("unknown", ("SENDING", "UNKNOWN"))
    lines = shown(kept(S.UNKNOWN, doubt, exchanges=(KeptExchange(NOT_SENT, doubt.evidence_id),)))
    assert lanes(lines) == [*ASKED, OUT, DECIDED]
    assert (lines[2].detail.verdict, lines[2].detail.reason) == ("not_sent", "connection: refused")


@pytest.mark.parametrize(("exchange", "how"), [(SENT, "unclear"), (NO_ANSWER, "nothing"), (NOT_SENT, "unsent")])
def test_how_a_conversation_ended_is_what_its_last_exchange_says(exchange: Exchange, how: str) -> None:
    ended = [KeptExchange(SENT, UUID(int=1)), KeptExchange(exchange, UUID(int=1)), KeptExchange(exchange, None)]
    assert how_heard(ended) == {UUID(int=1): how}


def test_a_notification_is_shown_with_verdict_headers_and_hash() -> None:
    refused = replace(NOTIFIED, notification_id=UUID(int=61), verdict="refused", reason="other_amount")
    lines = shown(kept(S.PENDING, ACCEPTED, notifications=(refused,)))
    assert lanes(lines) == [*ASKED, DECIDED, IN]
    detail = lines[3].detail
    assert (detail.verdict, detail.reason, detail.event_type) == ("refused", "other_amount", "TRANSACTION.SUCCESS")
    assert (detail.headers, detail.body_sha256) == ({"wechatpay-signature": "abc"}, "03" * 32)
    assert lines[3].summary.zh == "微信支付的通知被拒，没有回执成功：金额不符"


# --- what should have come and did not


def test_money_found_by_asking_misses_its_notification() -> None:
    lines = shown(kept(S.CAPTURED, ACCEPTED, PAID))
    assert lanes(lines) == [*ASKED, DECIDED, DECIDED, MISSING]
    assert lines[4].at == PAID.recorded_at
    assert lines[4].summary.zh == "微信支付的付款通知至今没有到，是靠主动查询得知的"


@pytest.mark.parametrize("verdict", ["accepted", "duplicate"])
def test_a_notification_that_came_later_is_not_missed(verdict: str) -> None:
    late = replace(NOTIFIED, verdict=verdict, recorded_at=NOW)
    assert MISSING not in lanes(shown(kept(S.CAPTURED, ACCEPTED, PAID, notifications=(late,))))


def test_a_notification_that_was_applied_is_not_missed_where_its_own_line_is_cut() -> None:
    again = evidence("paid", ("CAPTURED", "CAPTURED"), "notification", 7)
    assert MISSING not in lanes(shown(kept(S.CAPTURED, ACCEPTED, PAID, again)))
    assert MISSING not in lanes(shown(kept(S.CAPTURED, ACCEPTED, replace(PAID, door="notification"))))


def test_a_refused_notification_is_not_the_one_that_is_missed() -> None:
    refused = replace(NOTIFIED, verdict="refused", reason="other_amount")
    assert MISSING in lanes(shown(kept(S.CAPTURED, ACCEPTED, PAID, notifications=(refused,))))


def test_no_notification_is_missed_of_a_payment_without_money() -> None:
    for state in (S.PENDING, S.UNKNOWN, S.REFUSED, S.CLOSED):
        assert MISSING not in lanes(shown(kept(state, ACCEPTED)))


def test_a_first_request_that_was_cut_off_is_missed_after_a_while() -> None:
    told = kept(S.SENDING)
    assert lanes(shown(told)) == [*ASKED, MISSING]
    assert lanes(put_together(told, CREATED + timedelta(seconds=30))[0]) == ASKED


# --- the order and the merchant


def test_a_close_asked_by_expiry_is_a_decision_and_by_the_merchant_a_message() -> None:
    ends = CREATED + timedelta(minutes=5)
    over = replace(order(OrderState.CLOSING), expires_at=ends, close_requested_at=ends)
    lines = shown(kept(S.PENDING, ACCEPTED, order=over))
    assert lanes(lines)[-1] == DECIDED
    assert "付款时间已过" in lines[-1].summary.zh
    early = replace(over, close_requested_at=ends - timedelta(minutes=1))
    lines = shown(kept(S.PENDING, ACCEPTED, order=early))
    assert lanes(lines)[-1] == ("merchant", "shunfu", "message_in")
    assert lines[-1].summary.en == "The merchant asked to close the order"


def test_a_close_asked_after_this_payment_had_ended_is_not_its_story() -> None:
    refused = evidence("refused", ("SENDING", "REFUSED"))
    late = replace(order(OrderState.CLOSED), close_requested_at=NOW)
    assert lanes(shown(kept(S.REFUSED, refused, order=late))) == [*ASKED, DECIDED]


def test_tries_to_tell_the_merchant_stand_in_the_merchants_lane() -> None:
    at = CREATED + timedelta(minutes=7)
    told = (
        Told(UUID(int=70), "order.paid", at, 31, 500, "refused"),
        Told(UUID(int=71), "order.paid", at, 10000, None, "no answer"),
        Told(UUID(int=72), "order.paid", at, 30, 204, "ok"),
    )
    lines = shown(kept(S.CAPTURED, ACCEPTED, replace(PAID, door="notification"), told=told))[-3:]
    assert set(lanes(lines)) == {("shunfu", "merchant", "message_out")}
    assert [line.detail.verdict for line in lines] == ["failed", "failed", "delivered"]
    assert [line.summary.zh for line in lines] == [
        "告知商户 order.paid，对方答复 HTTP 500，没有成功",
        "告知商户 order.paid，没有答复，没有成功",
        "告知商户 order.paid，对方答复 HTTP 204，已收下",
    ]


# --- order and bounds


def test_lines_of_one_instant_stand_in_the_order_in_which_they_were_made() -> None:
    reply = replace(SENT, exchange_id=UUID(int=98), started_at=CREATED, took_milliseconds=0)
    first = replace(ACCEPTED, evidence_id=UUID(int=99), recorded_at=CREATED)
    question = replace(reply, exchange_id=UUID(int=100))
    second = replace(PAID, evidence_id=UUID(int=101), recorded_at=CREATED)
    exchanges = (KeptExchange(reply, first.evidence_id), KeptExchange(question, second.evidence_id))
    lines = shown(kept(S.CAPTURED, first, second, exchanges=exchanges))
    assert lanes(lines) == [*ASKED, OUT, IN, DECIDED, OUT, IN, DECIDED, MISSING]


def test_of_a_very_long_story_the_newest_lines_are_shown() -> None:
    asks = [
        replace(
            evidence("not_paid", ("PENDING", "PENDING"), "query", minute=0), recorded_at=CREATED + timedelta(seconds=n)
        )
        for n in range(499)
    ]
    lines, is_cut = put_together(kept(S.PENDING, *asks), NOW)
    assert (len(lines), is_cut) == (LINES_MAX, True)
    assert lines[-1].at == CREATED + timedelta(seconds=498)
    assert lanes(lines).count(DECIDED) == 499
    assert put_together(kept(S.PENDING, *asks[:400]), NOW)[1] is False
    assert put_together(kept(S.PENDING, *asks[:1], notifications=(NOTIFIED,) * 200), NOW)[1] is True


# --- words


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("door", get_args(Door))
def test_every_line_has_words_in_both_languages(kind: Kind, door: Door) -> None:
    for states, alarm in ((("PENDING", "PENDING"), None), (("PENDING", "CAPTURED"), "surplus")):
        line = evidence(kind, states, door, alarm=alarm)
        exchanges = (KeptExchange(SENT, line.evidence_id), KeptExchange(NOT_SENT, None))
        for each in shown(kept(S.PENDING, line, exchanges=exchanges, notifications=(NOTIFIED,))):
            for text in (each.summary.zh, each.summary.en):
                assert text
                assert not set("{}\n") & set(text)
                assert "None" not in text
            assert not any("一" <= character <= "鿿" for character in each.summary.en)


def test_every_line_is_named() -> None:
    lines = shown(kept(S.PENDING, ACCEPTED, exchanges=(KeptExchange(SENT, None),), notifications=(NOTIFIED,)))
    assert [line.id.partition("_")[0] for line in lines] == ["ord", "pay", "xch", "xch", "evd", "ntf"]
    assert lines[1].id == public("pay", PAYMENT)
