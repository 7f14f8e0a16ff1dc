"""What often goes wrong with Alipay's signatures, each as the texts that would then have been signed.

Sources: the questions in the trackers of Alipay's own and strangers' SDKs. Must not know: how an input is read.
"""

from __future__ import annotations

import json
from urllib.parse import unquote_plus

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import Certificate, load_pem_x509_certificate

from shunfu.channels.alipay.bench_input import Message
from shunfu.channels.alipay.codec import canonical

_END = "-----END CERTIFICATE-----"


def other_sign_type(message: Message) -> list[str]:
    """Without `sign_type` where it belongs, or with it where it does not."""
    return [canonical(message.params, ("sign", "sign_type")), canonical(message.params)] if message.params else []


def without_quotes(message: Message) -> list[str]:
    """An encrypted node without its double quotes, or with some that were lost on the way."""
    is_quoted = message.node.startswith('"')
    return [message.node[1:-1]] if is_quoted else [f'"{message.node}"'] if message.node else []


def other_slashes(message: Message) -> list[str]:
    """Slashes escaped, or no longer escaped."""
    text = message.node or message.body
    if not text:
        return []
    plain = text.replace("\\/", "/")
    return [_again(message, one) for one in (plain, plain.replace("/", "\\/"))]


def reserialised(message: Message) -> list[str]:
    """The same JSON in the ways in which libraries write it."""
    try:
        value: object = json.loads(message.node or message.body)
    except (ValueError, RecursionError):
        return []
    texts: list[str] = []
    for is_ascii in (False, True):
        for separators in ((",", ":"), (", ", ": ")):
            for is_sorted in (False, True):
                text = json.dumps(value, ensure_ascii=is_ascii, separators=separators, sort_keys=is_sorted)
                texts += [text, text.replace("/", "\\/")]
    return [_again(message, text) for text in texts]


def decoded_twice(message: Message) -> list[str]:
    """What a second decoding made of `+`: each value with its spaces as pluses, alone and all together."""
    spaced = [name for name, value in message.params.items() if " " in value and name != "sign"]
    changes = [{name: message.params[name].replace(" ", "+")} for name in spaced]
    changes.append({name: value for change in changes for name, value in change.items()})
    texts: list[str] = []
    for change in changes:
        params = {**message.params, **change}
        texts += [canonical(params, ("sign", "sign_type")), canonical(params)]
    return texts if spaced else []


def not_decoded(message: Message) -> list[str]:
    """The values decoded once, for an input that still has them encoded."""
    params = {name: unquote_plus(value) for name, value in message.params.items()}
    return [canonical(params, ("sign", "sign_type")), canonical(params)] if params else []


def empty_kept(message: Message) -> list[str]:
    """Empty values signed along with the others."""
    if not any(value == "" for value in message.params.values()):
        return []
    kept = [("sign",), ("sign", "sign_type")]
    return ["&".join(f"{k}={v}" for k, v in sorted(message.params.items()) if k not in without) for without in kept]


def other_line_ends(message: Message) -> list[str]:
    """A REST message without its last line feed, and bodies whose line ends were changed on the way."""
    if not message.sent_ms and not message.body:
        return []
    text = message.to_sign
    return [text.removesuffix("\n"), text.replace("\r\n", "\n"), text.rstrip() + "\n", text.rstrip() + "\n\n"]


def was_signed_by(key: RSAPublicKey, signature: bytes, sign_type: str) -> bool:
    """Whether the owner of this key made the signature, over whatever it was."""
    try:
        key.recover_data_from_signature(signature, PKCS1v15(), SHA1() if sign_type == "RSA" else SHA256())  # noqa: S303
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def is_under_roots(certificate: str, roots: str) -> bool:
    """Whether the certificate is issued directly by one of the roots; so too when there is nothing to compare."""
    ours, theirs = _certificates(certificate), _certificates(roots)
    if not (ours and theirs):
        return True
    return any(_is_issued_by(ours[0], root) for root in (*theirs, *ours[1:]))


def _is_issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _certificates(text: str) -> list[Certificate]:
    """Those that can be read: Alipay's file of roots has one that the library refuses."""
    found: list[Certificate] = []
    for part in text.split(_END)[:-1]:
        try:
            found.append(load_pem_x509_certificate((part + _END).encode("utf-8", "replace")))
        except (ValueError, UnsupportedAlgorithm):
            continue
    return found


def _again(message: Message, text: str) -> str:
    """The text in the place of the node, or of a REST message's body."""
    return text if message.node else message.to_sign.replace(message.body, text, 1)
