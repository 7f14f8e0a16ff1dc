"""An identity provider on this machine: publishes itself and its keys, and gives the tokens that a test wants."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shunfu.kernel.signing import to_text

CLIENT, SECRET = "shunfu", "s3cret: with / signs"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, key_id: str, **more: Any) -> dict[str, Any]:
    """A key as a provider publishes it."""
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig", **more}


@dataclass
class SoftProvider:
    """What it answers, and what it was asked."""

    now: Any
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    key: Any = RSA_KEY
    algorithm: str = "RS256"
    key_id: str = "key-1"
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(RSA_KEY, "key-1")])
    document: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    raw: web.Response | None = None
    """An answer instead of the token's."""

    def begin(self, address: str, code: str = "code-1") -> dict[str, str]:
        """The person agrees at the address where the browser was sent; what the browser brings back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (query["response_type"], query["scope"], query["code_challenge_method"]) == ("code", "openid", "S256")
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    def token(self, nonce: str) -> str:
        """An identity token, right but for what the test changes; a claim of None is left out."""
        moment = int(self.now().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": "person-1",
            "aud": CLIENT,
            "nonce": nonce,
            "iat": moment,
            "exp": moment + 300,
            "email": "mei@shop.example",
            **self.claims,
        }
        told = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(told, self.key, self.algorithm, headers={"kid": self.key_id, **self.header})

    async def _document(self, _: web.Request) -> web.Response:
        self.asked.append("document")
        base = self.issuer
        return web.json_response(
            {
                "issuer": base,
                "authorization_endpoint": f"{base}/authorize?tenant=1",
                "token_endpoint": f"{base}/token",
                "jwks_uri": f"{base}/keys",
                **self.document,
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response({"keys": [*self.keys, "odd", {"kty": "RSA"}]})

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append({**form, "authorization": request.headers.get("authorization", "")})
        if self.raw is not None:
            return self.raw
        begun = self.codes.pop(form["code"], None)
        digest = to_text(hashlib.sha256(form["code_verifier"].encode()).digest())
        if begun is None or digest != begun["code_challenge"] or form["redirect_uri"] != begun["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": self.token(begun["nonce"])})


@asynccontextmanager
async def soft_provider(now: Any) -> AsyncGenerator[SoftProvider]:
    """A provider that listens on this machine. `now()` is the clock that its tokens are dated by."""
    made = SoftProvider(now)
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", made._document)
    app.router.add_get("/keys", made._keys)
    app.router.add_post("/token", made._token)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


def unsigned(token: str) -> str:
    """The same claims under `alg: none`."""
    _, claims, _ = token.split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "key-1"}).encode()).rstrip(b"=").decode()
    return f"{header}.{claims}."
