"""Second factors beside the authenticator: passkeys and the ways to fake one, recovery codes, proof in a session."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from db.support import rows
from merchants.office import CHROMIUM, FIREFOX, PASSWORD, Office, open_office, typed
from merchants.soft_authenticator import PRESENT, SoftAuthenticator
from shunfu.db import Database
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import to_text
from shunfu.merchants import staff
from shunfu.merchants.staff.factors import party_of
from shunfu.merchants.staff.model import CHALLENGE_LASTS, PROOF_LASTS
from shunfu.merchants.staff.recovery import read_code, write_code

OTHER = "山上有只鸟飞过海边的灯塔"


@pytest.fixture
async def office(database: Database) -> Office:
    return await open_office(database)


async def with_passkey(office: Office) -> tuple[staff.Session, str, SoftAuthenticator]:
    """The owner inside, the authenticator's secret, and a passkey."""
    opened, secret = await office.enrolled()
    session, key = await office.session(opened), SoftAuthenticator()
    options = await staff.ask_new_passkey(office.tools, session)
    assert options is not None
    assert await staff.add_passkey(office.tools, session, "笔记本", key.makes(options)) is None
    return session, secret, key


async def at_the_door(office: Office) -> tuple[staff.Session, str]:
    """Past the password, and what is asked of a passkey."""
    session = await office.session(await office.log_in())
    options = await staff.ask_passkey(office.tools, session)
    assert options is not None
    return session, options


async def test_a_passkey_is_a_second_factor_with_the_user_verified(office: Office) -> None:
    _, _, key = await with_passkey(office)
    session, options = await at_the_door(office)
    told = json.loads(options)
    assert (told["rpId"], told["userVerification"]) == ("pay.example.com", "required")
    inside = await office.session(await staff.pass_factor(office.tools, session, key.answers(options), FIREFOX))
    assert inside.stage == "open"
    account = await staff.read_account(office.tools, inside)
    assert [(one.name, one.used_at is not None) for one in account.passkeys] == [("笔记本", True)]


FAKES: dict[str, Callable[[SoftAuthenticator], SoftAuthenticator]] = {
    "another origin": lambda key: replace(key, origin="https://pay.example.com.evil.example"),
    "the same host without tls": lambda key: replace(key, origin="http://pay.example.com"),
    "another relying party": lambda key: replace(key, host="evil.example"),
    "the user not verified": lambda key: replace(key, flags=PRESENT),
    "the user not there": lambda key: replace(key, flags=0),
    "another key": lambda key: replace(key, key=SoftAuthenticator().key),
    "an unknown credential": lambda key: replace(key, credential=b"credential-0002"),
    "another person's handle": lambda key: replace(key, user=b"somebody else"),
    "a counter that went back": lambda key: replace(key, count=1),
}


@pytest.mark.parametrize("fake", FAKES)
async def test_a_faked_answer_opens_nothing_and_is_counted(office: Office, fake: str) -> None:
    _, _, key = await with_passkey(office)
    session, options = await at_the_door(office)
    assert await staff.pass_factor(office.tools, session, key.answers(options), FIREFOX) != "passkey_refused"
    session, options = await at_the_door(office)
    answer = FAKES[fake](key).answers(options)
    assert await staff.pass_factor(office.tools, session, answer, FIREFOX) == "passkey_refused"
    counted = await rows(
        office.town.database, "SELECT failures FROM staff_guesses WHERE counter_id = $1", session.staff_id
    )
    assert counted == [(1,)]
    options = await staff.ask_passkey(office.tools, session)
    assert options is not None
    assert isinstance(await staff.pass_factor(office.tools, session, key.answers(options), FIREFOX), staff.Opened)


async def test_an_answer_is_good_for_one_challenge_once(office: Office) -> None:
    _, _, key = await with_passkey(office)
    session, options = await at_the_door(office)
    answer = key.answers(options)
    wrong = await staff.pass_factor(office.tools, session, key.answers(options, signature="AAAA"), FIREFOX)
    assert wrong == "passkey_refused"
    assert await staff.pass_factor(office.tools, session, answer, FIREFOX) == "passkey_refused", "the challenge is used"
    session, options = await at_the_door(office)
    assert await staff.pass_factor(office.tools, session, answer, FIREFOX) == "passkey_refused", "of another challenge"
    session, options = await at_the_door(office)
    office.town.clock.advance(CHALLENGE_LASTS.total_seconds())
    assert await staff.pass_factor(office.tools, session, key.answers(options), FIREFOX) == "passkey_refused", (
        "too late"
    )


async def test_an_answer_in_another_session_of_the_same_person_opens_nothing(office: Office) -> None:
    _, _, key = await with_passkey(office)
    _, options = await at_the_door(office)
    other = await office.session(await office.log_in(visit=CHROMIUM))
    assert await staff.pass_factor(office.tools, other, key.answers(options), CHROMIUM) == "passkey_refused"


async def test_another_persons_passkey_opens_nothing(office: Office) -> None:
    owner, _, key = await with_passkey(office)
    lin, _ = await office.joins(owner, "viewer", "lin")
    options = await staff.ask_new_passkey(office.tools, lin)
    assert options is not None
    assert await staff.add_passkey(office.tools, lin, "同一把", key.makes(options)) == "passkey_refused", (
        "registered already"
    )
    own = SoftAuthenticator(credential=b"lins own passkey")
    options = await staff.ask_new_passkey(office.tools, lin)
    assert options is not None
    assert await staff.add_passkey(office.tools, lin, "自己的", own.makes(options)) is None
    session, options = await at_the_door(office)
    assert session.staff_id == owner.staff_id
    assert await staff.pass_factor(office.tools, session, own.answers(options), FIREFOX) == "passkey_refused"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "x", '{"id":1}', '{"id":"a","rawId":"b","type":"x","response":{}}', "9" * 20_000]
)
async def test_what_is_no_answer_is_refused(office: Office, text: str) -> None:
    _, _, key = await with_passkey(office)
    session, _ = await at_the_door(office)
    answer = staff.PasskeyAnswer(Secret(text))
    assert await staff.pass_factor(office.tools, session, answer, FIREFOX) == "passkey_refused"
    assert await staff.add_passkey(office.tools, session, "x", answer) == "not_allowed"
    del key


async def test_a_passkey_is_registered_for_our_origin_with_the_user_verified_and_by_fresh_proof_only(
    office: Office,
) -> None:
    session = await office.session((await office.enrolled())[0])
    for fake in ("another origin", "another relying party", "the user not verified"):
        options = await staff.ask_new_passkey(office.tools, session)
        assert options is not None
        made = FAKES[fake](SoftAuthenticator()).makes(options)
        assert await staff.add_passkey(office.tools, session, "x", made) == "passkey_refused", fake
    options = await staff.ask_new_passkey(office.tools, session)
    assert options is not None
    office.town.clock.advance(PROOF_LASTS.total_seconds())
    assert await staff.add_passkey(office.tools, session, "x", SoftAuthenticator().makes(options)) == "not_allowed"
    assert await staff.ask_new_passkey(office.tools, session) is None


async def test_a_removed_passkey_opens_nothing_and_the_authenticator_stays(office: Office) -> None:
    owner, secret, key = await with_passkey(office)
    (passkey,) = (await staff.read_account(office.tools, owner)).passkeys
    lin, _ = await office.joins(owner, "viewer", "lin")
    assert await staff.remove_passkey(office.tools, lin, passkey.passkey_id) == "not_found", "another person's"
    session, options = await at_the_door(office)
    fresh = await office.enters(secret)
    assert await staff.remove_passkey(office.tools, fresh, passkey.passkey_id) is None
    assert await staff.pass_factor(office.tools, session, key.answers(options), FIREFOX) == "passkey_refused"
    assert await staff.ask_passkey(office.tools, session) is None
    assert isinstance(await office.passes(session, secret), staff.Opened)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://pay.example.com", "https://pay.example.com"),
        ("https://pay.example.com:8443", "https://pay.example.com:8443"),
        ("https://pay.example.com:443/base", "https://pay.example.com"),
        ("http://localhost:8700", "http://localhost:8700"),
        ("http://pay.example.com", None),
        ("http://127.0.0.1:8700", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
    ],
)
async def test_where_browsers_make_passkeys(office: Office, url: str, origin: str | None) -> None:
    party = party_of(replace(office.tools, public_url=url))
    assert (party.origin if party else None) == origin


async def test_proof_is_fresh_for_ten_minutes_and_given_again_under_a_new_token(office: Office) -> None:
    opened, secret = await office.enrolled()
    session = await office.session(opened)
    now = office.town.source.now
    assert session.is_proved(now())
    office.town.clock.advance(PROOF_LASTS.total_seconds())
    assert not session.is_proved(now())
    proof = staff.Proof(typed(office.code(secret)), Secret(PASSWORD))
    renewed = await staff.confirm(office.tools, session, proof, FIREFOX)
    assert await staff.recognise(office.tools, opened.token.reveal()) is None, "the old token is good no longer"
    again = await office.session(renewed)
    assert again.is_proved(now())
    assert again.side == session.side
    ends = await rows(
        office.town.database,
        "SELECT DISTINCT ends_at - $1 FROM staff_sessions WHERE stage = 'open'",
        session.created_at,
    )
    assert ends == [(timedelta(hours=12),)], "a renewed session lasts no longer"


async def test_a_wrong_proof_counts_like_a_wrong_log_in(office: Office) -> None:
    opened, secret = await office.enrolled()
    session = await office.session(opened)
    office.town.clock.advance(30)
    right = typed(office.code(secret))

    async def confirms(factor: staff.Factor, password: str | None) -> staff.Opened | str:
        given = Secret(password) if password is not None else None
        return await staff.confirm(office.tools, session, staff.Proof(factor, given), FIREFOX)

    assert await confirms(right, None) == "wrong"
    assert await confirms(right, "a wrong password") == "wrong"
    assert await confirms(typed("000000"), PASSWORD) == "code_wrong"
    for _ in range(3):
        await confirms(right, "another wrong one")
    assert await confirms(right, PASSWORD) == "locked"
    assert await office.log_in() == "wrong", "the same lock"
    office.town.clock.advance(60)
    assert isinstance(await confirms(typed(office.code(secret)), PASSWORD), staff.Opened)


async def test_a_passkey_alone_is_proof(office: Office) -> None:
    session, _, key = await with_passkey(office)
    options = await staff.ask_passkey(office.tools, session)
    assert options is not None
    renewed = await staff.confirm(office.tools, session, staff.Proof(key.answers(options)), FIREFOX)
    assert isinstance(renewed, staff.Opened)


async def test_a_session_that_ended_is_not_renewed(office: Office) -> None:
    opened, secret = await office.enrolled()
    session = await office.session(opened)
    await staff.end_session(office.tools, session, session.session_id)
    office.town.clock.advance(30)
    proof = staff.Proof(typed(office.code(secret)), Secret(PASSWORD))
    assert await staff.confirm(office.tools, session, proof, FIREFOX) == "wrong"


async def test_a_recovery_code_stands_in_once_and_a_new_set_ends_the_old(office: Office) -> None:
    opened, _ = await office.enrolled()
    session = await office.session(opened)
    codes = await staff.make_recovery_codes(office.tools, session)
    assert codes is not None
    assert len(set(codes)) == 10
    door = await office.session(await office.log_in())
    spelt = typed(codes[3].lower().replace("-", " "))
    assert isinstance(await staff.pass_factor(office.tools, door, spelt, FIREFOX), staff.Opened)
    door = await office.session(await office.log_in())
    assert await staff.pass_factor(office.tools, door, typed(codes[3]), FIREFOX) == "code_wrong"
    assert (await staff.read_account(office.tools, session)).recovery_codes == 9
    assert await staff.make_recovery_codes(office.tools, session) is not None
    assert await staff.pass_factor(office.tools, door, typed(codes[4]), FIREFOX) == "code_wrong"
    kept = str(await rows(office.town.database, "SELECT * FROM staff_recovery_codes"))
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
    office.town.clock.advance(PROOF_LASTS.total_seconds())
    assert await staff.make_recovery_codes(office.tools, session) is None, "without proof"


def test_recovery_codes_as_text() -> None:
    assert write_code(bytes(10)) == "0000-0000-0000-0000"
    assert read_code(write_code(bytes(range(10)))) == write_code(bytes(range(10))).replace("-", "")
    assert read_code("oil0-oil0-oil0-oil0") == "0110" * 4
    assert [read_code(text) for text in ("", "0" * 15, "0" * 17, "U" * 16, "123456")] == [None] * 5


async def test_another_password_ends_all_other_sessions(office: Office) -> None:
    opened, secret = await office.enrolled()
    session = await office.session(opened)
    other = await office.enters(secret)

    async def changes(old: str, new: str) -> staff.Opened | str:
        chosen = staff.NewPassword(Secret(old), Secret(new))
        return await staff.change_password(office.tools, session, chosen, CHROMIUM)

    assert await changes("a wrong password", OTHER) == "wrong"
    assert await changes(PASSWORD, "short") == "password_short"
    assert await changes(PASSWORD, "iloveyou12345") == "password_common"
    assert await changes(PASSWORD, "mei mei mei mei") == "password_plain"
    renewed = await office.session(await changes(PASSWORD, OTHER))
    assert renewed.staff_id == session.staff_id
    left = await rows(office.town.database, "SELECT session_id FROM staff_sessions WHERE ended_at IS NULL")
    assert left == [(renewed.session_id,)]
    assert other.session_id != renewed.session_id
    assert await office.log_in() == "wrong"
    assert isinstance(await office.log_in(OTHER), staff.Opened)
    office.town.clock.advance(PROOF_LASTS.total_seconds())
    again = staff.NewPassword(Secret(OTHER), Secret(PASSWORD))
    assert await staff.change_password(office.tools, renewed, again, CHROMIUM) == "not_allowed"


async def test_a_challenge_is_no_text_that_anybody_could_guess(office: Office) -> None:
    _, options = (await with_passkey(office))[0], (await at_the_door(office))[1]
    challenge = json.loads(options)["challenge"]
    assert len(challenge) == len(to_text(bytes(32)))
    assert challenge != json.loads((await at_the_door(office))[1])["challenge"]
