"""The shop's own identity provider over HTTP: where to send a browser, and who came back (OpenID Connect, code flow).

The only outgoing HTTP of this room. It goes to the one configured issuer and to what that publishes about itself, by
TLS unless it is on this machine; no redirect is followed, and time and size are capped.
Must not know: persons, sessions.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import cast
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import structlog

from shunfu.kernel.clock import Clock
from shunfu.kernel.errors import TransientFault
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import to_text
from shunfu.merchants.staff.identities import Identity
from shunfu.merchants.staff.tokens import Expected, TokenRefused, key_id_of, read_identity

LOG = structlog.stdlib.get_logger("staff")
DOCUMENT = "/.well-known/openid-configuration"
DOCUMENT_LASTS = timedelta(hours=1)
KEYS_ASKED_EVERY = timedelta(minutes=1)
"""A token that names an unknown key makes us ask for the keys again, but not more often than this."""
ANSWER_BYTES_MAX = 256 * 1024
KEYS_MAX = 100
TIMEOUT_SECONDS = 10
CODE_MAX = 2048
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Who the provider is, who we are there, and whether its second factor counts for ours."""

    issuer: str
    client_id: str
    client_secret: Secret[str]
    return_url: str
    trusts_amr: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What a browser takes along: `state` comes back with it, `nonce` in the token; `verifier` stays with us (PKCE)."""

    state: str
    nonce: str
    verifier: Secret[str]

    @property
    def challenge(self) -> str:
        """The verifier's SHA-256, RFC 7636 section 4.2."""
        return to_text(sha256(self.verifier.reveal().encode()).digest())


@dataclass(frozen=True, slots=True)
class _Document:
    authorization: str
    token: str
    keys: str
    is_basic: bool
    read_at: datetime


class Provider:
    """One per process; remembers the issuer's document for an hour, and its keys until a token names another."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._document: _Document | None = None
        self._keys: Mapping[str, Mapping[str, object]] = {}
        self._keys_at: datetime | None = None

    async def address(self, ask: Ask) -> str:
        """Where the browser goes. Raises TransientFault when the provider is out of reach or odd."""
        document = await self._read_document()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.return_url,
            "scope": "openid",
            "state": ask.state,
            "nonce": ask.nonce,
            "code_challenge": ask.challenge,
            "code_challenge_method": "S256",
        }
        return f"{document.authorization}{'&' if '?' in document.authorization else '?'}{urlencode(query)}"

    async def redeem(self, code: str, ask: Ask) -> Identity | None:
        """Who came back with a code; None when the provider or the token says no. Raises TransientFault as above."""
        if not 0 < len(code) <= CODE_MAX:
            return None
        document = await self._read_document()
        token = await self._token(document, code, ask)
        if token is None:
            return None
        expected = Expected(self.settings.issuer, self.settings.client_id, ask.nonce, self._clock.now())
        try:
            key = await self._key(document, key_id_of(token)[1])
            found = read_identity(token, key, expected)
        except TokenRefused as refused:
            LOG.warning("identity_token_refused", reason=str(refused))
            return None
        is_strong = found.is_strong and self.settings.trusts_amr
        return Identity(found.issuer, found.subject, found.nonce, is_strong=is_strong)

    async def _read_document(self) -> _Document:
        now, known = self._clock.now(), self._document
        if known is not None and now - known.read_at < DOCUMENT_LASTS:
            return known
        status, told = await self._exchange("GET", f"{self.settings.issuer.rstrip('/')}{DOCUMENT}")
        if status != 200 or told.get("issuer") != self.settings.issuer:
            raise TransientFault("the identity provider's document is not its own")
        methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        self._document = _Document(
            authorization=_checked(told.get("authorization_endpoint")),
            token=_checked(told.get("token_endpoint")),
            keys=_checked(told.get("jwks_uri")),
            is_basic=isinstance(methods, list) and "client_secret_basic" in methods,
            read_at=now,
        )
        return self._document

    async def _token(self, document: _Document, code: str, ask: Ask) -> str | None:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.return_url,
            "code_verifier": ask.verifier.reveal(),
        }
        name, secret = self.settings.client_id, self.settings.client_secret.reveal()
        headers = {"accept": "application/json"}
        if document.is_basic:  # RFC 6749 section 2.3.1: both parts form-encoded first
            pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": name, "client_secret": secret}
        status, told = await self._exchange("POST", document.token, headers, form)
        token = told.get("id_token")
        return token if status == 200 and isinstance(token, str) else None

    async def _key(self, document: _Document, key_id: str) -> Mapping[str, object]:
        now = self._clock.now()
        if key_id not in self._keys and (self._keys_at is None or now - self._keys_at >= KEYS_ASKED_EVERY):
            self._keys_at = now
            _, told = await self._exchange("GET", document.keys)
            self._keys = _keys_of(told)
        key = self._keys.get(key_id)
        if key is None:
            raise TokenRefused("unknown key")
        return key

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, object]]:
        """Status and JSON object of one exchange. Raises TransientFault for everything else."""
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                ) as session,
                session.request(method, _checked(url), headers=headers, data=form, allow_redirects=False) as response,
            ):
                body = await _bounded(response)
                found: object = json.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise TransientFault(f"the identity provider cannot be asked ({type(error).__name__})") from error
        if not isinstance(found, dict):
            raise TransientFault("the identity provider's answer is no JSON object")
        return response.status, cast("dict[str, object]", found)


def _checked(url: object) -> str:
    """An address by TLS, or on this machine. Raises TransientFault."""
    parts = urlsplit(url) if isinstance(url, str) else None
    is_safe = (
        parts is not None
        and parts.hostname is not None
        and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL))
    )
    if not is_safe:
        raise TransientFault("an address of the identity provider is not https")
    return str(url)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise ValueError("too long")
    return bytes(body)


def _keys_of(told: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The published keys by id; what is none is left out."""
    listed = told.get("keys")
    found: dict[str, Mapping[str, object]] = {}
    for one in cast("list[object]", listed)[:KEYS_MAX] if isinstance(listed, list) else []:
        key = cast("dict[str, object]", one) if isinstance(one, dict) else {}
        if isinstance(key.get("kid"), str):
            found[str(key["kid"])] = key
    return found
