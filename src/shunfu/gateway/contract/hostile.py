"""What every channel promises when the other side is broken or hostile: Unknown, and nothing shown that is secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request
from shunfu.gateway.sandbox.keeping import read_stage, write_stage
from shunfu.gateway.statement import StatementOf


def _silence_is_unknown(rig: AnyRig) -> None:
    for was_sent in (True, False):
        _all_unknown(rig, lambda _, was_sent=was_sent: NoReply("time-out", was_sent))


def _garbage_is_unknown(rig: AnyRig) -> None:
    for status in (200, 204, 302, 400, 404, 429, 500, 502):
        for body in (b"", b"null", b"<html>bad gateway</html>", b'{"code":"SUCCESS"}', b"respCode=00", b"\xff\xfe"):
            _all_unknown(rig, lambda _, status=status, body=body: Reply(status, {}, body))


def _changed_reply_is_unknown(rig: AnyRig) -> None:
    """A reply with one bit changed reads as nothing, or as exactly what it said before."""
    number = rig.paid()
    replies: list[Reply] = []

    def kept(request: Request) -> Answer:
        answer = rig.answer(request)
        assert isinstance(answer, Reply)
        replies.append(answer)
        return answer

    honest = rig.run(rig.channel.verbs.query(rig.settings, number, rig.moment()), kept)
    body = replies[0].body
    for position in range(0, len(body), max(1, len(body) // 80)):
        spoiled = bytearray(body)
        spoiled[position] ^= 1
        reply = replace(replies[0], body=bytes(spoiled))
        told = rig.run(rig.channel.verbs.query(rig.settings, number, rig.moment()), lambda _, reply=reply: reply)
        assert isinstance(told, Unknown) or told == honest, position
    for cut in range(0, len(body), max(1, len(body) // 40)):
        reply = replace(replies[0], body=body[:cut])
        told = rig.run(rig.channel.verbs.query(rig.settings, number, rig.moment()), lambda _, reply=reply: reply)
        assert isinstance(told, Unknown), cut


def _reply_about_another_number_is_unknown(rig: AnyRig) -> None:
    number, other = rig.paid(serial=1), rig.number(2)
    replies: list[Answer] = []
    rig.run(
        rig.channel.verbs.query(rig.settings, number, rig.moment()), lambda request: _keep(replies, rig.answer(request))
    )
    told = rig.run(rig.channel.verbs.query(rig.settings, other, rig.moment()), lambda _: replies[0])
    assert isinstance(told, Unknown), told


def _scrub_removes_secrets(rig: AnyRig) -> None:
    seen: list[Request | Answer] = []

    def watched(request: Request) -> Answer:
        answer = rig.answer(request)
        seen.extend((request, answer))
        return answer

    scene = rig.channel.scenes[0]
    number = rig.paid()
    rig.run(rig.channel.verbs.prepay(rig.settings, rig.prepay(scene, 7), rig.moment()), watched)
    rig.run(rig.channel.verbs.query(rig.settings, number, rig.moment()), watched)
    message = rig.notify(number)
    for text in (repr(seen), repr(message), message.body.decode("latin-1"), *_plain(seen)):
        scrubbed = rig.channel.scrub(text)
        for secret in (*rig.secrets(), rig.payer):
            assert secret not in scrubbed, "a secret survives scrubbing"
    settings = repr(rig.settings)
    assert not any(secret in settings for secret in rig.secrets()), "settings print a secret"


def _state_is_kept_whole(rig: AnyRig) -> None:
    number = rig.paid()
    text = write_stage(rig.stage)
    again = read_stage(rig.sandbox, text)
    assert again.state == rig.stage.state
    assert write_stage(again) == text
    rig.stage = again
    assert rig.heard()[0].number == number
    for wrong in ("", "{}", "null", text[:-20], text.replace('"', "'")):
        try:
            read_stage(rig.sandbox, wrong)
        except ValueError:
            continue
        raise AssertionError("a damaged state was read")


def _hostile_requests_never_raise(rig: AnyRig) -> None:
    before = rig.stage.state
    for path in rig.sandbox.paths:
        address = "http://sandbox" + path.replace("*", "x")
        for method in ("GET", "POST", "PUT", "DELETE"):
            for body in (b"", b"null", b"{}", b"[" * 9000, b"a=1&a=2", b"sign=%zz", b"\xff\xfe\x00"):
                for headers in ((), (("authorization", "é =,,"), ("content-type", "application/json"))):
                    assert isinstance(rig.answer(Request(method, address, headers, body)), Reply)
    assert rig.sandbox.verbs.list_orders(rig.stage.state) == rig.sandbox.verbs.list_orders(before)
    for fields in ({}, {"x": "\ud800"}, {"package": "é"}, {"tn": "'"}, {"code_url": ""}):
        assert rig.open_sheet(fields).condition == "invalid"


def _workbench_never_raises(rig: AnyRig) -> None:
    bench = rig.channel.workbench
    for kind in ("request", "reply", "notification", "client", "", 7, None):
        for body in (None, 1, "", "{", {"a": "é"}, ["x"]):
            for key in (None, "", "-----BEGIN X-----", 5):
                source: dict[str, object] = {"kind": kind, "body": body, "key": key, "params": body, "now": key}
                assert bench.sign(source).failed_step
                verified = bench.verify(source)
                assert verified.valid is not True
                assert verified.failed_step
                assert verified.reason
                assert bench.decrypt(source).plaintext is None


def _flows(rig: AnyRig) -> Iterator[Flow[Any]]:
    channel, settings, moment = rig.channel, rig.settings, rig.moment()
    verbs = channel.verbs
    for scene in channel.scenes:
        if not scene.is_local:
            yield verbs.prepay(settings, rig.prepay(scene), moment)
    yield verbs.query(settings, rig.number(), moment)
    if channel.capabilities.can_close:
        yield verbs.close(settings, rig.number(), moment)
    refund = rig.a_refund(rig.sandbox.verbs.list_orders(rig.stage.state)[0].number, 100)
    yield channel.refunds.refund(settings, refund, moment)
    yield channel.refunds.query_refund(settings, refund, moment)
    yield channel.statements.fetch_statement(settings, StatementOf(rig.now.date()), moment)


def _all_unknown(rig: AnyRig, answer: Callable[[Request], Answer]) -> None:
    if not rig.sandbox.verbs.list_orders(rig.stage.state):
        rig.paid(serial=9)
    for flow in _flows(rig):
        evidence = rig.run(flow, answer)
        assert isinstance(evidence, Unknown), evidence


def _keep(replies: list[Answer], answer: Answer) -> Answer:
    replies.append(answer)
    return answer


def _plain(seen: list[Request | Answer]) -> list[str]:
    texts: list[str] = []
    for one in seen:
        if isinstance(one, Request):
            texts.extend((f"{one.url} {dict(one.headers)}", one.body.decode("latin-1")))
        elif isinstance(one, Reply):
            texts.extend((f"{one.headers}", one.body.decode("latin-1")))
    return texts


ONCE = (
    _silence_is_unknown,
    _garbage_is_unknown,
    _changed_reply_is_unknown,
    _reply_about_another_number_is_unknown,
    _scrub_removes_secrets,
    _state_is_kept_whole,
    _hostile_requests_never_raise,
    _workbench_never_raises,
)
