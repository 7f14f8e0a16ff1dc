"""What every channel promises about its shoppers: who they are, and that what was lent is not shown around."""

from __future__ import annotations

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Answer, Reply, Request
from shunfu.gateway.login import LoggedIn, LoginRefused, Phone, PlatformToken, TokenAnswer

PHONE = "13800138000"


def _code_logs_in_once(rig: AnyRig) -> None:
    token, code = _token(rig), rig.sandbox.login_code
    first = rig.run(rig.channel.login.log_in(rig.settings, code, token, rig.moment()))
    assert isinstance(first, LoggedIn), first
    assert first.shopper.reveal() == rig.sandbox.shopper
    second = rig.run(rig.channel.login.log_in(rig.settings, code, token, rig.moment()))
    assert isinstance(second, LoginRefused), second
    assert second.reason == "code"
    other = rig.run(rig.channel.login.log_in(rig.settings, f"{code}-other", token, rig.moment()))
    assert isinstance(other, LoggedIn), other
    assert other.shopper.reveal() != rig.sandbox.shopper


def _unknown_code_is_refused(rig: AnyRig) -> None:
    answer = rig.run(rig.channel.login.log_in(rig.settings, "no-such-code", _token(rig), rig.moment()))
    assert isinstance(answer, LoginRefused), answer


def _phone_is_read_once_proven(rig: AnyRig) -> None:
    token = _token(rig)
    proof = rig.sandbox.verbs.phone_proof(rig.stage.state, PHONE, rig.at())
    phone = rig.run(rig.channel.login.read_phone(rig.settings, proof, token, rig.moment()))
    assert isinstance(phone, Phone), phone
    assert phone.number.reveal() == PHONE
    for wrong in ("", "{}", "nonsense", proof[:-4], proof[::-1]):
        answer = rig.run(rig.channel.login.read_phone(rig.settings, wrong, token, rig.moment()))
        assert isinstance(answer, LoginRefused | Unknown), wrong[:20]


def _login_survives_garbage(rig: AnyRig) -> None:
    token = _token(rig)
    for body in (b"", b"null", b"<html>", b"{}", b'{"openid":1}', b'{"errcode":0}', b"\xff"):
        flow = rig.channel.login.log_in(rig.settings, rig.sandbox.login_code, token, rig.moment())
        assert isinstance(rig.run(flow, lambda _, body=body: Reply(200, {}, body)), Unknown), body


def _what_was_lent_is_not_shown(rig: AnyRig) -> None:
    seen: list[str] = []

    def watched(request: Request) -> Answer:
        answer = rig.answer(request)
        seen.append(f"{request.url} {dict(request.headers)} {request.body.decode('latin-1')}")
        seen.append(f"{answer.headers} {answer.body.decode('latin-1')}" if isinstance(answer, Reply) else "")
        return answer

    token = rig.run(rig.channel.login.fetch_token(rig.settings, rig.moment()), watched)
    held = token if isinstance(token, PlatformToken) else None
    flow = rig.channel.login.log_in(rig.settings, rig.sandbox.login_code, held, rig.moment())
    logged_in = rig.run(flow, watched)
    assert isinstance(logged_in, LoggedIn), logged_in
    secrets = [logged_in.shopper, logged_in.session, logged_in.union, held.token if held else None]
    texts = [secret.reveal() for secret in secrets if secret is not None]
    shown = [repr(logged_in), repr(token), *(rig.channel.scrub(text) for text in seen)]
    for secret in (*texts, *rig.secrets()):
        assert not any(secret in text for text in shown), "what was lent is shown"


def _token(rig: AnyRig) -> PlatformToken | None:
    answer: TokenAnswer = rig.run(rig.channel.login.fetch_token(rig.settings, rig.moment()))
    assert isinstance(answer, PlatformToken | LoginRefused), answer
    return answer if isinstance(answer, PlatformToken) else None


ONCE = (
    _code_logs_in_once,
    _unknown_code_is_refused,
    _phone_is_read_once_proven,
    _login_survives_garbage,
    _what_was_lent_is_not_shown,
)
