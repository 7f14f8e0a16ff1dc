"""UnionPay's signature, step by step, and what is most likely wrong with it. Must not know: files, our settings.

Input: `kind`; `params` (an object) or `body` (a text: of a reply as it came, of a request or notification url-encoded);
`encoding` and `signMethod` where the message has none; `key`, or `keys` by certId (a private key to sign and decrypt; a
public key or a certificate to verify); `roots` (root and intermediate certificates: a text, a list or an object) and
`signer_name` (else both that UnionPay has had); `secure_key`, which may be empty; `now`, without which no dates are
judged. Without roots, a certificate in a message is trusted only when it was given as key, too: no chain is judged.
Kind `client` is `upsdk.config`: appId, frontToken, nonceStr, timestamp, url in `params`.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import cast

from shunfu.channels.unionpay import codec, sealing, suspects
from shunfu.channels.unionpay.bench import Bench, Unreadable, as_text, read_bench
from shunfu.channels.unionpay.bench_words import REASONS
from shunfu.gateway.workbench import Source, Worked

_STEPS = {"other_certificate": "key", "wrong_key": "key"}
_CLIENT = ("appId", "frontToken", "nonceStr", "timestamp", "url")


class UnionPayWorkbench:
    """Sign, verify and decrypt messages of UnionPay's."""

    def sign(self, source: Source) -> Worked:
        """The exact text to sign, and its signature with `key` (01) or `secure_key` (11, 12)."""
        try:
            if source.get("kind") == "client":
                return _client(source)
            bench = read_bench(source)
            return Worked(to_sign=bench.to_sign, signature=_signature(bench), fields=_steps(bench))
        except Unreadable as error:
            return Worked(failed_step=error.step, reason=REASONS[error.cause])

    def verify(self, source: Source) -> Worked:
        """Whether the signature holds; if not, which step fails, and which known mistake would explain it."""
        try:
            if source.get("kind") == "client":
                return _compared(_client(source), source.get("signature") or _params(source).get("signature"))
            return _verified(read_bench(source), source)
        except Unreadable as error:
            return Worked(valid=False, failed_step=error.step, reason=REASONS[error.cause])

    def decrypt(self, source: Source) -> Worked:
        """The plaintext of `ciphertext`, of a message's accNo or customerInfo, or of its fileContent."""
        try:
            bench = read_bench(source, is_ciphertext_enough=True)
        except Unreadable as error:
            return Worked(failed_step=error.step, reason=REASONS[error.cause])
        plaintext = _plaintext(bench, source.get("ciphertext"))
        return Worked(plaintext=plaintext) if plaintext else Worked(failed_step="decrypt", reason=REASONS["decrypt"])


def _signature(bench: Bench) -> str:
    if bench.method == "01":
        if bench.private_key is None:
            raise Unreadable("key", "private_key")
        return codec.rsa_sign(bench.private_key, bench.message, bench.version)
    if bench.secure_key is None:
        raise Unreadable("key", "secure_key")
    return codec.keyed_hash(bench.message, bench.secure_key, bench.method)


def _steps(bench: Bench) -> dict[str, str]:
    """The steps between text and signature, for comparing with another implementation's."""
    if bench.method == "01":
        return {"hash": codec.rsa_text(bench.message, bench.version).decode()}
    hashed = codec.keyed_hash(b"", "", bench.method) if bench.secure_key is None else bench.key_hash
    return {"key_hash": hashed}


def _verified(bench: Bench, source: Source) -> Worked:
    worked = Worked(to_sign=bench.to_sign, signature=bench.signature, fields=_steps(bench))
    if not bench.signature:
        raise Unreadable("input", "signature_missing")
    if bench.method != "01":
        if bench.secure_key is None:
            raise Unreadable("key", "secure_key")
        if codec.keyed_hash(bench.message, bench.secure_key, bench.method) == bench.signature:
            return replace(worked, valid=True)
        cause = suspects.of_keyed(bench, source)
        return replace(worked, valid=False, failed_step="signature", reason=REASONS[cause])
    return _verified_by_rsa(bench, source, worked)


def _verified_by_rsa(bench: Bench, source: Source, worked: Worked) -> Worked:
    suspect = suspects.of_certificate(bench)
    keys = suspects.keys_of(bench)
    if not keys:
        cause = suspect or "public_key"
        return replace(worked, valid=False, failed_step="certificate" if suspect else "key", reason=REASONS[cause])
    is_readable = suspect != "certificate_malformed"
    if not is_readable or not any(suspects.is_signed(bench, key) for key in keys):
        cause = suspects.of_rsa(bench, keys, source)
        if not is_readable and cause in {"altered", "wrong_key"}:
            return replace(worked, valid=False, failed_step="certificate", reason=REASONS[suspect])
        return replace(worked, valid=False, failed_step=_STEPS.get(cause, "signature"), reason=REASONS[cause])
    if suspect:
        return replace(worked, valid=False, failed_step=_STEPS.get(suspect, "certificate"), reason=REASONS[suspect])
    if not bench.fields.get("signPubKeyCert"):
        return replace(worked, valid=True)
    if not bench.roots:
        fields = {**worked.fields, "chain": "not judged"}
        return replace(worked, valid=True, fields=fields, reason=REASONS["chain_not_judged"])
    dates = {} if bench.now else {"dates": "not judged"}
    return replace(worked, valid=True, fields={**worked.fields, **dates})


def _client(source: Source) -> Worked:
    found = {name: text for name in _CLIENT if (text := as_text(_params(source).get(name))) is not None}
    if len(found) != len(_CLIENT):
        raise Unreadable("input", "client")
    found["url"] = found["url"].partition("#")[0]
    text = "&".join(f"{name}={found[name]}" for name in sorted(found))
    try:
        return Worked(to_sign=text, signature=sha256(text.encode()).hexdigest())
    except UnicodeEncodeError:
        raise Unreadable("input", "encoding") from None


def _params(source: Source) -> dict[object, object]:
    params = source.get("params")
    return cast("dict[object, object]", params) if isinstance(params, dict) else {}


def _compared(worked: Worked, given: object) -> Worked:
    if not isinstance(given, str) or not given:
        raise Unreadable("input", "signature_missing")
    if worked.signature == given:
        return replace(worked, valid=True)
    return replace(worked, valid=False, failed_step="signature", reason=REASONS["client_wrong"])


def _plaintext(bench: Bench, ciphertext: object) -> str | None:
    key, fields = bench.private_key, bench.fields
    if fields.get("fileContent"):
        content = sealing.unpack_file(fields["fileContent"])
        return None if content is None else f"{len(content)} bytes, SHA-256 {sha256(content).hexdigest()}"
    if key is None:
        return None
    if isinstance(ciphertext, str) and ciphertext:
        return sealing.decrypt(key, ciphertext)
    if fields.get("customerInfo"):
        members = sealing.open_customer_information(key, fields["customerInfo"])
        return None if members is None else "&".join(f"{name}={value}" for name, value in members.items())
    return sealing.decrypt(key, fields["accNo"]) if fields.get("accNo") else None
