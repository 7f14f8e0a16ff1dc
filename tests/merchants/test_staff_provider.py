"""Identity tokens and the provider behind them: what is not ours, fresh and signed as published is refused."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from merchants.soft_provider import (
    CLIENT,
    EC_KEY,
    OTHER_RSA_KEY,
    RSA_KEY,
    SECRET,
    SoftProvider,
    jwk,
    soft_provider,
    unsigned,
)
from shunfu.kernel.clock import ManualClock
from shunfu.kernel.errors import TransientFault
from shunfu.kernel.secret import Secret
from shunfu.merchants import staff
from shunfu.merchants.staff.provider import KEYS_ASKED_EVERY
from shunfu.merchants.staff.tokens import Expected, TokenRefused, key_id_of, read_identity

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ISSUER = "https://login.example.com"
EXPECTED = Expected(ISSUER, CLIENT, "nonce-1", NOW)
MOMENT = int(NOW.timestamp())
P384 = ec.generate_private_key(ec.SECP384R1())


def made(**changes: Any) -> SoftProvider:
    return replace(SoftProvider(lambda: NOW, ISSUER), **changes)


def read(provider: SoftProvider, token: str | None = None) -> staff.Identity:
    """As the program reads it: the key that the token names, out of those published."""
    text = provider.token("nonce-1") if token is None else token
    _, key_id = key_id_of(text)
    key = next((one for one in provider.keys if one["kid"] == key_id), None)
    if key is None:
        raise TokenRefused("unknown key")
    return read_identity(text, key, EXPECTED)


@pytest.mark.parametrize(
    "provider",
    [
        made(),
        made(algorithm="PS256"),
        made(key=EC_KEY, algorithm="ES256", keys=[jwk(EC_KEY, "key-1")]),
        made(claims={"aud": [CLIENT]}),
        made(claims={"aud": [CLIENT, "another"], "azp": CLIENT}),
        made(claims={"exp": MOMENT - 30, "iat": MOMENT - 500}),
        made(claims={"iat": MOMENT + 30}),
    ],
)
def test_a_right_token_is_read(provider: SoftProvider) -> None:
    assert read(provider) == staff.Identity(ISSUER, "person-1", "nonce-1")


@pytest.mark.parametrize(
    ("methods", "is_strong"),
    [(["mfa"], True), (["pwd", "hwk"], True), (["pwd"], False), ("mfa", False), (None, False), ([["mfa"]], False)],
)
def test_which_methods_are_a_second_factor(methods: object, is_strong: bool) -> None:
    assert read(made(claims={"amr": methods})).is_strong == is_strong


def confused() -> str:
    """A56: signed by HMAC with the published key as the secret."""
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (
            {"alg": "HS256", "kid": "key-1"},
            {"iss": ISSUER, "sub": "x", "aud": CLIENT, "nonce": "nonce-1", "iat": MOMENT, "exp": MOMENT + 300},
        )
    ]
    signature = hmac.digest(pem, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


OWN_KEY = {"jwk": jwk(OTHER_RSA_KEY, "key-1"), "jku": "https://evil.example/keys", "x5u": "https://evil.example/x"}
REFUSED: dict[str, tuple[Callable[[], SoftProvider], str]] = {
    "another person's key": (lambda: made(key=OTHER_RSA_KEY), "InvalidSignature"),
    "a key that the token brings along": (lambda: made(key=OTHER_RSA_KEY, header=OWN_KEY), "InvalidSignature"),
    "a key id that is a path": (lambda: made(key_id="../../../dev/null"), "unknown key"),
    "a key id that is an address": (lambda: made(key_id="https://evil.example/key"), "unknown key"),
    "an endless key id": (lambda: made(key_id="k" * 201), "key id"),
    "an elliptic key for rsa": (lambda: made(keys=[jwk(EC_KEY, "key-1")]), "key"),
    "a key that is for encryption": (lambda: made(keys=[jwk(RSA_KEY, "key-1", use="enc")]), "key"),
    "another curve": (lambda: made(key=P384, algorithm="ES384", keys=[jwk(P384, "key-1")]), "algorithm"),
    "an unlisted algorithm": (lambda: made(algorithm="RS512"), "algorithm"),
    "expired": (lambda: made(claims={"exp": MOMENT - 61}), "expired"),
    "no end": (lambda: made(claims={"exp": None}), "MissingRequiredClaimError"),
    "an end that is no number": (lambda: made(claims={"exp": True}), "exp"),
    "made long ago": (lambda: made(claims={"iat": MOMENT - 601}), "time"),
    "made in the future": (lambda: made(claims={"iat": MOMENT + 61}), "time"),
    "not yet good": (lambda: made(claims={"nbf": MOMENT + 61}), "time"),
    "another issuer": (lambda: made(claims={"iss": "https://evil.example"}), "InvalidIssuerError"),
    "nearly the issuer": (lambda: made(claims={"iss": ISSUER + "/"}), "InvalidIssuerError"),
    "another audience": (lambda: made(claims={"aud": "another"}), "InvalidAudienceError"),
    "an audience of many": (lambda: made(claims={"aud": [CLIENT, "another"]}), "party"),
    "made for another": (lambda: made(claims={"azp": "another"}), "party"),
    "another log-in's nonce": (lambda: made(claims={"nonce": "nonce-2"}), "nonce"),
    "no nonce": (lambda: made(claims={"nonce": None}), "MissingRequiredClaimError"),
    "nobody": (lambda: made(claims={"sub": None}), "MissingRequiredClaimError"),
    "an empty name": (lambda: made(claims={"sub": ""}), "subject"),
    "an endless name": (lambda: made(claims={"sub": "s" * 256}), "subject"),
    "a name with a control": (lambda: made(claims={"sub": "a\nb"}), "subject"),
    "an unknown critical header": (lambda: made(header={"crit": ["x"], "x": 1}), "no token"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_token_is_refused_and_for_that_very_reason(name: str) -> None:
    build, reason = REFUSED[name]
    with pytest.raises(TokenRefused) as caught:
        read(build())
    assert str(caught.value).startswith(reason), name


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (unsigned(made().token("nonce-1")), "algorithm"),
        (confused(), "algorithm"),
        ("", "no token"),
        ("a.b.c", "no token"),
        ("x" * 20_000, "too long"),
        (made().token("nonce-1")[:-4] + "AAAA", "InvalidSignature"),
    ],
)
def test_what_is_no_signed_token_is_refused(token: str, reason: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        read(made(), token)
    assert str(caught.value).startswith(reason)
    with pytest.raises(TokenRefused):
        read_identity(confused(), made().keys[0], EXPECTED)


# --- over HTTP


@dataclass
class Stage:
    clock: ManualClock
    soft: SoftProvider
    ours: staff.Provider
    ask: staff.Ask

    async def comes_back(self) -> staff.Identity | None:
        told = self.soft.begin(await self.ours.address(self.ask))
        return await self.ours.redeem(told["code"], self.ask)


@pytest.fixture
async def stage() -> AsyncGenerator[Stage]:
    clock = ManualClock(NOW)
    async with soft_provider(clock.now) as soft:
        back = "https://pay.example.com/console/provider/back"
        settings = staff.ProviderSettings(soft.issuer, CLIENT, Secret(SECRET), back)
        ask = staff.Ask("state-1", "nonce-1", Secret("v" * 43))
        yield Stage(clock, soft, staff.Provider(settings, clock), ask)


async def test_a_code_is_redeemed_with_our_secret_and_verifier(stage: Stage) -> None:
    assert await stage.comes_back() == staff.Identity(stage.soft.issuer, "person-1", "nonce-1")
    (form,) = stage.soft.forms
    pair = base64.b64decode(form["authorization"].removeprefix("Basic ")).decode()
    assert pair == "shunfu:s3cret%3A%20with%20%2F%20signs"
    assert "client_secret" not in form
    assert await stage.ours.redeem("code-1", stage.ask) is None, "the provider takes a code once"
    assert await stage.ours.redeem("", stage.ask) is None
    assert await stage.ours.redeem("c" * 2049, stage.ask) is None


async def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(stage: Stage) -> None:
    stage.soft.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert await stage.comes_back() is not None
    assert (stage.soft.forms[0]["client_secret"], stage.soft.forms[0]["authorization"]) == (SECRET, "")


async def test_another_verifier_gets_nothing(stage: Stage) -> None:
    """A code that was stolen on its way is worth nothing elsewhere (PKCE)."""
    told = stage.soft.begin(await stage.ours.address(stage.ask))
    thief = replace(stage.ask, verifier=Secret("w" * 43))
    assert await stage.ours.redeem(told["code"], thief) is None


async def test_a_refused_token_is_nobody(stage: Stage) -> None:
    stage.soft.key = OTHER_RSA_KEY
    assert await stage.comes_back() is None


async def test_new_keys_are_asked_for_but_not_for_every_token(stage: Stage) -> None:
    assert await stage.comes_back() is not None
    stage.soft.key_id = "key-2"
    for _ in range(5):
        assert await stage.comes_back() is None
    assert stage.soft.asked.count("keys") == 1, "a flood of odd tokens asks nobody"
    stage.soft.keys = [jwk(OTHER_RSA_KEY, "key-2")]
    stage.soft.key = OTHER_RSA_KEY
    stage.clock.advance(KEYS_ASKED_EVERY.total_seconds())
    assert await stage.comes_back() is not None
    assert stage.soft.asked.count("keys") == 2
    assert stage.soft.asked.count("document") == 1


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_document_that_is_not_the_issuers_own_is_not_believed(stage: Stage, document: dict[str, Any]) -> None:
    stage.soft.document = document
    with pytest.raises(TransientFault):
        await stage.ours.address(stage.ask)


ODD = (
    lambda: web.Response(status=302, headers={"location": "http://127.0.0.1:1/"}),
    lambda: web.Response(text="not json"),
    lambda: web.json_response(["a list"]),
    lambda: web.Response(text='"' + "x" * 300_000 + '"'),
)


@pytest.mark.parametrize("answer", ODD)
async def test_an_odd_answer_is_a_passing_fault(stage: Stage, answer: Callable[[], web.Response]) -> None:
    stage.soft.raw = answer()
    with pytest.raises(TransientFault):
        await stage.comes_back()


async def test_a_provider_that_is_away_is_a_passing_fault() -> None:
    settings = staff.ProviderSettings("http://127.0.0.1:1", CLIENT, Secret(SECRET), "https://x.example")
    with pytest.raises(TransientFault):
        await staff.Provider(settings, ManualClock(NOW)).address(staff.Ask("s", "n", Secret("v" * 43)))


@pytest.mark.parametrize(("trusts", "is_strong"), [(False, False), (True, True)])
async def test_the_providers_second_factor_counts_only_if_we_say_so(
    stage: Stage, trusts: bool, is_strong: bool
) -> None:
    stage.soft.claims = {"amr": ["mfa"]}
    stage.ours.settings = replace(stage.ours.settings, trusts_amr=trusts)
    found = await stage.comes_back()
    assert found is not None
    assert found.is_strong == is_strong


def test_the_library_refuses_what_we_refuse() -> None:
    """The allow-list is ours, and the library's own checks stand behind it."""
    with pytest.raises(jwt.PyJWTError):
        jwt.decode(unsigned(made().token("n")), RSA_KEY.public_key(), algorithms=["RS256"], audience=CLIENT)
