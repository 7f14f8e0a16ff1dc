"""What every channel must do, as named checks: a channel's tests run them all against its sandbox, without sockets.

Each check raises AssertionError when the channel breaks the promise. Must not know: any channel's name or words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from shunfu.gateway.evidence import Accepted, Closed, Evidence, Invoke, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request, run
from shunfu.gateway.port import Channel, Genuine, Message, Moment, Prepay, Scene, Spurious
from shunfu.kernel.ids import encode, make_id
from shunfu.kernel.money import Money

S = TypeVar("S")
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
NOTIFY_URL = "https://merchant.example/notifications/contract"


@dataclass(frozen=True, slots=True)
class ContractSubject(Generic[S]):
    """A channel with a fresh account at its sandbox, and the hands of the shopper and of the channel.

    `pay` is the shopper paying a number, False when the sandbox will not have it. `notify` is a freshly signed
    notification of a paid number, `forge` the same signed with a key that the account does not hold.
    `secrets` are texts that must never be seen in a log.
    """

    channel: Channel[S]
    settings: S
    answer: Callable[[Request], Answer]
    pay: Callable[[str], bool]
    notify: Callable[[str], Message]
    forge: Callable[[str], Message]
    now: datetime
    payer: str
    secrets: tuple[str, ...]

    def prepay(self, scene: Scene, serial: int = 0) -> Prepay:
        """A payment of 86.00 yuan in this scene, with a number of its own for each serial."""
        number = encode(make_id(int(self.now.timestamp() * 1000), serial.to_bytes(10, "big")))
        payer = self.payer if scene.needs_payer else None
        expires_at = self.now + timedelta(minutes=15)
        return Prepay(number, scene.name, Money(8600, "CNY"), "Contract 山行咖啡", payer, expires_at, NOTIFY_URL)

    def moment(self) -> Moment:
        """The present and a nonce."""
        return Moment(self.now, NONCE)

    def place(self, scene: Scene, serial: int = 0) -> tuple[str, Evidence]:
        """Place that payment: its number and the evidence."""
        prepay = self.prepay(scene, serial)
        return prepay.number, run(self.channel.verbs.prepay(self.settings, prepay, self.moment()), self.answer)

    def query(self, number: str) -> Evidence:
        """Ask what became of a number."""
        return run(self.channel.verbs.query(self.settings, number, self.moment()), self.answer)

    def close(self, number: str) -> Evidence:
        """Ask to close a number."""
        return run(self.channel.verbs.close(self.settings, number, self.moment()), self.answer)

    def read(self, message: Message, later: timedelta = timedelta()) -> Genuine | Spurious:
        """Read a notification, now or later."""
        return self.channel.verbs.read_notification(self.settings, message, self.now + later)

    def paid(self) -> str:
        """The number of a payment that the shopper has paid."""
        number, _ = self.place(self.channel.scenes[0])
        assert self.pay(number), "the sandbox does not let the shopper pay an accepted order"
        return number


@dataclass(frozen=True, slots=True)
class Check(Generic[S]):
    """One promise: a name for the report and a function that raises AssertionError when it is broken."""

    name: str
    run: Callable[[ContractSubject[S]], None]

    def __str__(self) -> str:
        return self.name


def contract_checks(channel: Channel[S]) -> tuple[Check[S], ...]:
    """Every check that this channel must pass; run each with a subject of its own."""
    by_scene: list[Check[S]] = [
        _in_scene(name, check, scene) for scene in channel.scenes for name, check in _BY_SCENE.items()
    ]
    closing = _CLOSING if channel.capabilities.can_close else {}
    return (*by_scene, *(Check(name, check) for name, check in {**_ONCE, **closing}.items()))


def _in_scene(name: str, check: Callable[[ContractSubject[S], Scene], None], scene: Scene) -> Check[S]:
    return Check(f"{name}[{scene.name}]", lambda subject: check(subject, scene))


def _accepted_prepay_gives_invoke(subject: ContractSubject[S], scene: Scene) -> None:
    _, evidence = subject.place(scene)
    invoke = _invoke_of(evidence)
    assert invoke.kind == scene.invoke
    assert invoke.params
    assert all(type(name) is str and type(value) is str for name, value in invoke.params.items())
    assert invoke.expires_at > subject.now
    origin = subject.channel.sandbox_url(subject.settings)
    assert (invoke.sandbox_url is None) == (origin is None)
    assert origin is None or (invoke.sandbox_url or "").startswith(f"{origin}/"), "the sheet is at the sandbox"


def _same_number_twice_is_one_order(subject: ContractSubject[S], scene: Scene) -> None:
    number, first = subject.place(scene)
    _, second = subject.place(scene)
    assert isinstance(first, Accepted), first
    assert isinstance(second, Accepted), second
    assert subject.pay(number)
    assert not subject.pay(number), "one number was paid twice"


def _other_numbers_are_other_orders(subject: ContractSubject[S], scene: Scene) -> None:
    number, _ = subject.place(scene, 1)
    other, _ = subject.place(scene, 2)
    assert subject.pay(number)
    assert isinstance(subject.query(other), NotPaid)


def _order_sent_is_not_lost(subject: ContractSubject[S], scene: Scene) -> None:
    prepay = subject.prepay(scene)
    lost = run(
        subject.channel.verbs.prepay(subject.settings, prepay, subject.moment()),
        lambda request: _drop(subject.answer(request)),
    )
    assert isinstance(lost, Unknown), lost
    _, again = subject.place(scene)
    assert isinstance(again, Accepted), "after a lost reply the same number must be acceptable again"


def _unpaid_is_not_paid(subject: ContractSubject[S]) -> None:
    number, _ = subject.place(subject.channel.scenes[0])
    assert isinstance(subject.query(number), NotPaid)


def _number_never_sent_is_not_found(subject: ContractSubject[S]) -> None:
    number = subject.prepay(subject.channel.scenes[0]).number
    assert isinstance(subject.query(number), NotFound)


def _query_after_pay_is_paid(subject: ContractSubject[S]) -> None:
    number = subject.paid()
    _is_our_money(subject, subject.query(number))


def _paid_number_is_not_accepted_again(subject: ContractSubject[S]) -> None:
    subject.paid()
    _, again = subject.place(subject.channel.scenes[0])
    assert not isinstance(again, Accepted | Refused), again


def _closed_cannot_be_paid(subject: ContractSubject[S]) -> None:
    number, _ = subject.place(subject.channel.scenes[0])
    assert isinstance(subject.close(number), Closed)
    assert not subject.pay(number)
    assert isinstance(subject.query(number), Closed)
    assert isinstance(subject.close(number), Closed | Unknown)


def _close_of_paid_is_not_closed(subject: ContractSubject[S]) -> None:
    number = subject.paid()
    assert not isinstance(subject.close(number), Closed | NotFound)
    _is_our_money(subject, subject.query(number))


def _close_of_unknown_number_is_not_closed(subject: ContractSubject[S]) -> None:
    number = subject.prepay(subject.channel.scenes[0]).number
    assert isinstance(subject.close(number), NotFound | Unknown)


def _notification_verifies_and_matches(subject: ContractSubject[S]) -> None:
    number = subject.paid()
    read = subject.read(subject.notify(number))
    assert isinstance(read, Genuine), read
    assert read.number == number
    assert read.external_id
    _is_our_money(subject, read.evidence)


def _resent_notification_keeps_its_id(subject: ContractSubject[S]) -> None:
    number = subject.paid()
    first, second = subject.read(subject.notify(number)), subject.read(subject.notify(number))
    assert isinstance(first, Genuine), first
    assert isinstance(second, Genuine), second
    assert first.external_id == second.external_id


def _changed_byte_is_spurious(subject: ContractSubject[S]) -> None:
    message = subject.notify(subject.paid())
    for position in range(0, len(message.body), max(1, len(message.body) // 64)):
        body = bytearray(message.body)
        body[position] ^= 1
        assert isinstance(subject.read(replace(message, body=bytes(body))), Spurious), position


def _stale_notification_is_spurious(subject: ContractSubject[S]) -> None:
    message = subject.notify(subject.paid())
    assert isinstance(subject.read(message, timedelta(days=2)), Spurious)
    assert isinstance(subject.read(message, -timedelta(days=2)), Spurious)


def _other_key_is_spurious(subject: ContractSubject[S]) -> None:
    assert isinstance(subject.read(subject.forge(subject.paid())), Spurious)


def _hostile_notifications_never_raise(subject: ContractSubject[S]) -> None:
    message = subject.notify(subject.paid())
    for body in (b"", b"{", b"null", b"[" * 100_000, b"\xff\xfe", b'{"id":NaN}', b"a=1&a=2", message.body * 2):
        assert isinstance(subject.read(replace(message, body=body)), Spurious), body[:20]
        assert isinstance(subject.read(Message({}, body)), Spurious), body[:20]
    for value in ("", "\x00", "１７", "1e9", "-1", "9" * 400, "é", "\ud800", "=" * 5000):
        for name in message.headers:
            spoiled: Mapping[str, str] = {**message.headers, name: value}
            subject.read(replace(message, headers=spoiled))


def _silence_is_unknown(subject: ContractSubject[S]) -> None:
    for was_sent in (True, False):
        _all_unknown(subject, lambda _, was_sent=was_sent: NoReply("time-out", was_sent))


def _garbage_is_unknown(subject: ContractSubject[S]) -> None:
    for status in (200, 204, 302, 400, 404, 429, 500, 502):
        for body in (b"", b"null", b"<html>bad gateway</html>", b'{"code":"SUCCESS"}'):
            _all_unknown(subject, lambda _, status=status, body=body: Reply(status, {}, body))


def _changed_reply_is_unknown(subject: ContractSubject[S]) -> None:
    _all_unknown(subject, lambda request: _spoil(subject.answer(request)))


def _answers_differ(subject: ContractSubject[S]) -> None:
    verbs = subject.channel.verbs
    accepted, distrusted = verbs.answer_notification("accepted"), verbs.answer_notification("distrusted")
    refused = verbs.answer_notification("refused")
    assert (accepted.status, accepted.body) != (refused.status, refused.body)
    assert (accepted.status, accepted.body) != (distrusted.status, distrusted.body)


def _scrub_removes_secrets(subject: ContractSubject[S]) -> None:
    seen: list[Request | Answer] = []

    def watched(request: Request) -> Answer:
        answer = subject.answer(request)
        seen.extend((request, answer))
        return answer

    watching = replace(subject, answer=watched)
    number = watching.paid()
    watching.query(number)
    message = subject.notify(number)
    for text in (repr(seen), repr(message), message.body.decode("latin-1"), *_plain(seen)):
        scrubbed = subject.channel.scrub(text)
        for secret in (*subject.secrets, subject.payer):
            assert secret not in scrubbed, "a secret survives scrubbing"
    settings = repr(subject.settings)
    assert not any(secret in settings for secret in subject.secrets), "settings print a secret"


def _all_unknown(subject: ContractSubject[S], answer: Callable[[Request], Answer]) -> None:
    verbs, settings, moment = subject.channel.verbs, subject.settings, subject.moment()
    prepay = subject.prepay(subject.channel.scenes[0])
    flows: list[Flow[Evidence]] = [verbs.prepay(settings, prepay, moment), verbs.query(settings, prepay.number, moment)]
    if subject.channel.capabilities.can_close:
        flows.append(verbs.close(settings, prepay.number, moment))
    for flow in flows:
        evidence = run(flow, answer)
        assert isinstance(evidence, Unknown), evidence


def _is_our_money(subject: ContractSubject[S], evidence: Evidence | None) -> None:
    identity = subject.channel.identity(subject.settings)
    assert isinstance(evidence, Paid), evidence
    assert evidence.amount == Money(8600, "CNY")
    assert (evidence.account, evidence.app) == (identity.account, identity.app)
    assert evidence.channel_transaction_no
    assert evidence.happened_at.tzinfo is not None


def _invoke_of(evidence: Evidence) -> Invoke:
    assert isinstance(evidence, Accepted), evidence
    return evidence.invoke


def _drop(answer: Answer) -> Answer:
    assert isinstance(answer, Reply)
    return NoReply("the reply was lost", was_sent=True)


def _spoil(answer: Answer) -> Answer:
    assert isinstance(answer, Reply)
    return replace(answer, body=answer.body + b" ")


def _plain(seen: list[Request | Answer]) -> list[str]:
    texts: list[str] = []
    for one in seen:
        if isinstance(one, Request):
            texts.extend((f"{one.url} {dict(one.headers)}", one.body.decode("latin-1")))
        elif isinstance(one, Reply):
            texts.extend((f"{one.headers}", one.body.decode("latin-1")))
    return texts


_BY_SCENE = {
    "accepted_prepay_gives_invoke": _accepted_prepay_gives_invoke,
    "same_number_twice_is_one_order": _same_number_twice_is_one_order,
    "other_numbers_are_other_orders": _other_numbers_are_other_orders,
    "order_sent_is_not_lost": _order_sent_is_not_lost,
}
_ONCE = {
    "unpaid_is_not_paid": _unpaid_is_not_paid,
    "number_never_sent_is_not_found": _number_never_sent_is_not_found,
    "query_after_pay_is_paid": _query_after_pay_is_paid,
    "paid_number_is_not_accepted_again": _paid_number_is_not_accepted_again,
    "notification_verifies_and_matches": _notification_verifies_and_matches,
    "resent_notification_keeps_its_id": _resent_notification_keeps_its_id,
    "changed_byte_is_spurious": _changed_byte_is_spurious,
    "stale_notification_is_spurious": _stale_notification_is_spurious,
    "other_key_is_spurious": _other_key_is_spurious,
    "hostile_notifications_never_raise": _hostile_notifications_never_raise,
    "silence_is_unknown": _silence_is_unknown,
    "garbage_is_unknown": _garbage_is_unknown,
    "changed_reply_is_unknown": _changed_reply_is_unknown,
    "answers_differ": _answers_differ,
    "scrub_removes_secrets": _scrub_removes_secrets,
}
_CLOSING = {
    "closed_cannot_be_paid": _closed_cannot_be_paid,
    "close_of_paid_is_not_closed": _close_of_paid_is_not_closed,
    "close_of_unknown_number_is_not_closed": _close_of_unknown_number_is_not_closed,
}
