"""Checks a provider's identity token, pure: which key, which algorithm, for whom, how old, and for which log-in.

Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 8725 (allow-list of algorithms, a key fits one family, no key by address).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import jwt

from shunfu.merchants.staff.identities import Identity

KEY_FAMILY: Mapping[str, tuple[str, str]] = {"RS256": ("RSA", ""), "PS256": ("RSA", ""), "ES256": ("EC", "P-256")}
"""The algorithms that are taken, each with the kind of key (and curve) that it needs: no secret ever checks a token."""
TOKEN_MAX, KEY_ID_MAX, SUBJECT_MAX = 16_384, 200, 255
LEEWAY_SECONDS = 60
AGE_SECONDS_MAX = 600
STRONG = frozenset({"mfa", "hwk"})
"""Authentication methods that are a second factor (RFC 8176)."""


class TokenRefused(Exception):
    """An identity token says something that we do not believe."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say: who made it, for which client, for which log-in, and what time it is."""

    issuer: str
    client_id: str
    nonce: str
    now: datetime


def key_id_of(token: str) -> tuple[str, str]:
    """Which (algorithm, key) a token says it is signed with. Raises TokenRefused for an algorithm that is not taken.

    The key's id is a word to look up in what the issuer publishes, never an address and never a path.
    """
    if len(token) > TOKEN_MAX:
        raise TokenRefused("too long")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TokenRefused("no token") from error
    algorithm, key_id = str(header.get("alg")), header.get("kid")
    if algorithm not in KEY_FAMILY:
        raise TokenRefused("algorithm")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= KEY_ID_MAX:
        raise TokenRefused("key id")
    return algorithm, key_id


def read_identity(token: str, key: Mapping[str, object], expected: Expected) -> Identity:
    """Who a token is about, checked with the issuer's published key (a JWK). Raises TokenRefused."""
    algorithm, _ = key_id_of(token)
    family, curve = KEY_FAMILY[algorithm]
    if key.get("kty") != family or key.get("crv", "") != curve or key.get("use", "sig") != "sig":
        raise TokenRefused("key")
    try:
        claims = cast(
            "dict[str, object]",
            jwt.decode(
                token,
                jwt.PyJWK(dict(key), algorithm).key,
                algorithms=[algorithm],
                audience=expected.client_id,
                issuer=expected.issuer,
                options={
                    "require": ["iss", "sub", "aud", "exp", "iat", "nonce"],
                    "verify_exp": False,  # by our own clock, below
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            ),
        )
    except jwt.PyJWTError as error:
        raise TokenRefused(type(error).__name__) from error
    _check_times(claims, expected.now)
    _check_party(claims, expected)
    subject, nonce = claims["sub"], claims["nonce"]
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MAX or not subject.isprintable():
        raise TokenRefused("subject")
    methods = claims.get("amr")
    is_strong = isinstance(methods, list) and bool(STRONG & {str(one) for one in cast("list[object]", methods)})
    return Identity(expected.issuer, subject, str(nonce), is_strong=is_strong)


def _check_times(claims: Mapping[str, object], now: datetime) -> None:
    moment = now.timestamp()
    times: dict[str, float] = {}
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, moment)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TokenRefused(name)
        times[name] = value
    if moment >= times["exp"] + LEEWAY_SECONDS:
        raise TokenRefused("expired")
    if not -LEEWAY_SECONDS <= moment - times["iat"] <= AGE_SECONDS_MAX or times["nbf"] > moment + LEEWAY_SECONDS:
        raise TokenRefused("time")


def _check_party(claims: Mapping[str, object], expected: Expected) -> None:
    audience, party = claims["aud"], claims.get("azp")
    if (isinstance(audience, list) and len(cast("list[object]", audience)) > 1 and party is None) or (
        party is not None and party != expected.client_id
    ):
        raise TokenRefused("party")
    if not hmac.compare_digest(str(claims["nonce"]).encode(), expected.nonce.encode()):
        raise TokenRefused("nonce")
