"""What a body may hold: sizes, control characters, tricks with the direction of writing; a 422 names the field."""

from __future__ import annotations

from typing import Any

import pytest

from flows.world import World
from shoppers.support import ADDRESS, COMPANY, ME, PROFILE, SESSIONS, Client

BIDI = ["\u202e", "\u200f", "\u200e", "\u061c", "\u2066", "\u2069", "\u202a"]
UNSEEN = ["\u200b", "\u200d", "\ufeff", "\u2060", "\u0085", "\x7f", "\x1f", "\n", "\t", "\u2028", "\ufff9"]


@pytest.fixture
async def client(world: World) -> Client:
    """Somebody who has signed in."""
    found = Client(world)
    await found.sign_in()
    return found


def address(**changes: object) -> dict[str, Any]:
    return {"addresses": [{**ADDRESS, **changes}]}


def invoice(**changes: object) -> dict[str, Any]:
    return {"invoices": [{**COMPANY, **changes}]}


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (address(name=""), "/addresses/0/name", "too_short"),
    (address(name=" \u3000"), "/addresses/0/name", "bad_format"),
    (address(name="梅" * 61), "/addresses/0/name", "too_long"),
    (address(name=7), "/addresses/0/name", "not_text"),
    *((address(name=f"陈{mark}梅"), "/addresses/0/name", "bad_format") for mark in (*BIDI, *UNSEEN)),
    (address(street="街" * 201), "/addresses/0/street", "too_long"),
    (address(street=f"街{BIDI[0]}"), "/addresses/0/street", "bad_format"),
    (address(province=""), "/addresses/0/province", "too_short"),
    (address(city=f"{UNSEEN[0]}市"), "/addresses/0/city", "bad_format"),
    (address(district=BIDI[0]), "/addresses/0/district", "bad_format"),
    (address(district="区" * 61), "/addresses/0/district", "too_long"),
    *(
        (address(phone=phone), "/addresses/0/phone", "bad_format")
        for phone in ("1234", "1" * 21, "+", "12 345", "１２３４５")
    ),
    (address(postcode="1"), "/addresses/0/postcode", "bad_format"),
    (address(postcode="650031\n"), "/addresses/0/postcode", "bad_format"),
    (address(is_default="yes"), "/addresses/0/is_default", "not_valid"),
    (address(shopper_id="shp_x"), "/addresses/0/shopper_id", "unknown_field"),
    ({"addresses": [ADDRESS, ADDRESS]}, "/addresses/1/is_default", "only_one"),
    ({"addresses": [{**ADDRESS, "is_default": False}] * 11}, "/addresses", "too_long"),
    ({"addresses": {}}, "/addresses", "not_list"),
    ({"phone": "+86 138"}, "/phone", "bad_format"),
    ({"phone": "1" * 21}, "/phone", "bad_format"),
    (invoice(kind="shop"), "/invoices/0/kind", "not_supported"),
    (invoice(title="司" * 101), "/invoices/0/title", "too_long"),
    (invoice(title=f"山{BIDI[0]}前"), "/invoices/0/title", "bad_format"),
    (invoice(tax_number=None), "/invoices/0/tax_number", "required"),
    *(
        (invoice(tax_number=number), "/invoices/0/tax_number", "bad_format")
        for number in ("9" * 14, "9" * 21, "9" * 14 + "a", "9" * 15 + "\n", "９" * 15)
    ),
    (invoice(email="x"), "/invoices/0/email", "bad_format"),
    (invoice(email="a@b\n"), "/invoices/0/email", "bad_format"),
    (invoice(email="a @b.c"), "/invoices/0/email", "bad_format"),
    ({"invoices": [COMPANY, COMPANY]}, "/invoices/1/is_default", "only_one"),
    ({"invoices": [{**COMPANY, "is_default": False}] * 11}, "/invoices", "too_long"),
    ({"phone_is_verified": True}, "/phone_is_verified", "unknown_field"),
    ({"shopper": "shp_x"}, "/shopper", "unknown_field"),
    ({"consents": {"telemetry": True}}, "/consents", "unknown_field"),
]


async def test_a_wrong_field_is_named_and_nothing_is_written(client: Client) -> None:
    assert (await client.ask("PUT", ME, PROFILE)).status == 200
    before = (await client.ask("GET", ME)).json()
    wrong: list[str] = []
    for body, pointer, code in WRONG:
        said = await client.ask("PUT", ME, body)
        if said.status != 422 or {"pointer": pointer, "code": code} not in said.json()["errors"]:
            wrong.append(f"{pointer} {code}: {said.status} {said.body.decode()}")
    assert wrong == []
    assert (await client.ask("GET", ME)).json() == before


RIGHT: list[dict[str, Any]] = [
    {},
    {"addresses": [], "phone": None, "invoices": []},
    address(name="Mary-Anne O’Neil 3rd", phone="+12025550123", district="", postcode=None),
    address(name="梅" * 60, street="街" * 200, is_default=False),
    address(name="😀阿依古丽·买买提", postcode="SW1A 1AA"),
    {"addresses": [ADDRESS, *([{**ADDRESS, "is_default": False}] * 9)]},
    invoice(kind="personal", tax_number=None, email=None),
    invoice(tax_number="9" * 15),
    invoice(tax_number="9" * 20, email="a+b@mail.example.com"),
    {"phone": "12345"},
    {"phone": "+" + "1" * 20},
]


async def test_what_people_are_called_and_where_they_live_is_taken(client: Client) -> None:
    for body in RIGHT:
        said = await client.ask("PUT", ME, body)
        assert said.status == 200, (body, said.body)
        kept = (await client.ask("GET", ME)).json()
        wish = {"addresses": [], "phone": None, "invoices": [], **body}
        assert {name: kept[name] for name in wish} == wish


async def test_the_other_bodies_are_as_strict(client: Client) -> None:
    channel = client.world.channel
    sign_in = {"merchant": client.merchant, "channel": channel, "code": "x"}
    for method, target, body, pointer in (
        ("POST", SESSIONS, {**sign_in, "code": ""}, "/code"),
        ("POST", SESSIONS, {**sign_in, "code": "x" * 513}, "/code"),
        ("POST", SESSIONS, {**sign_in, "code": "x y"}, "/code"),
        ("POST", SESSIONS, {**sign_in, "channel": "WeChat"}, "/channel"),
        ("POST", SESSIONS, {**sign_in, "shopper": "shp_x"}, "/shopper"),
        ("POST", f"{ME}/phone", {"channel": channel, "proof": ""}, "/proof"),
        ("POST", f"{ME}/phone", {"channel": channel, "proof": "x" * 4097}, "/proof"),
        ("POST", f"{ME}/phone", {"channel": channel, "proof": "x\u202e"}, "/proof"),
        ("POST", f"{ME}/phone", {"channel": channel, "proof": "x", "phone": "13800138000"}, "/phone"),
        ("PUT", f"{ME}/consents", {"telemetry": "yes"}, "/telemetry"),
        ("PUT", f"{ME}/consents", {"marketing": True}, "/marketing"),
    ):
        said = await client.ask(method, target, body)
        assert (said.status, said.code) == (422, "invalid_field"), (target, body, said.body)
        assert pointer in {error["pointer"] for error in said.json()["errors"]}, said.body


async def test_a_body_is_json_and_of_bounded_size(client: Client) -> None:
    headers = {"content-type": "text/plain"}
    assert (await client.ask("PUT", ME, b"{}", **headers)).status in {415, 422}
    assert (await client.ask("PUT", ME, b'{"phone":"12345","phone":"12346"}')).status == 400
    big = b'{"phone":"' + b"1" * (256 * 1024) + b'"}'
    assert (await client.ask("PUT", ME, big, **{"content-length": str(len(big))})).status == 413
