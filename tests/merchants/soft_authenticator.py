"""An authenticator in software: makes passkeys and answers challenges, rightly or as an attacker would."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import from_text, to_text
from shunfu.merchants import staff

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class SoftAuthenticator:
    """One passkey. `host` and `origin` are what the browser says; `count` is the counter's next value."""

    origin: str = "https://pay.example.com"
    host: str = "pay.example.com"
    count: int = 1
    flags: int = PRESENT | VERIFIED
    credential: bytes = b"credential-0001"
    user: bytes = b""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def makes(self, options: str) -> staff.PasskeyAnswer:
        """What `navigator.credentials.create` answers."""
        told = json.loads(options)
        self.user = from_text(told["user"]["id"]) or b""
        public = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.credential)) + self.credential + cbor2.dumps(cose)
        held = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self._data(self.flags | ATTESTED) + attested})
        response = {
            "clientDataJSON": to_text(self._client("webauthn.create", told["challenge"])),
            "attestationObject": to_text(held),
        }
        self.count += 1
        return self._answer(response)

    def answers(self, options: str, **changes: Any) -> staff.PasskeyAnswer:
        """What `navigator.credentials.get` answers; `changes` replace parts of the response."""
        client = self._client("webauthn.get", json.loads(options)["challenge"])
        data = self._data(self.flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": to_text(client),
            "authenticatorData": to_text(data),
            "signature": to_text(signature),
            "userHandle": to_text(self.user),
            **changes,
        }
        self.count += 1
        return self._answer(response)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _answer(self, response: dict[str, Any]) -> staff.PasskeyAnswer:
        text = to_text(self.credential)
        return staff.PasskeyAnswer(
            Secret(json.dumps({"id": text, "rawId": text, "type": "public-key", "response": response}))
        )
