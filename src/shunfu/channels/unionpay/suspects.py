"""What explains a signature that does not hold: each known mistake is tried, the first that fits is named.

Must not know: how the input was given.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import cast
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import InvalidVersion, load_pem_x509_certificate

from shunfu.channels.unionpay import codec
from shunfu.channels.unionpay.bench import Bench
from shunfu.channels.unionpay.trust import UNIONPAY_NAME, Anchors, Signer, Untrusted, prove
from shunfu.gateway.workbench import Source

REASONS: Mapping[str, Mapping[str, str]] = {
    "kind": {
        "zh-CN": "kind 应为 request、reply、notification 或 client。",
        "en": "kind must be request, reply, notification or client.",
    },
    "message": {
        "zh-CN": "缺少报文：params 应为字符串对象，或给出 body 文本。",
        "en": "There is no message: give params, an object of texts, or body, a text.",
    },
    "body": {
        "zh-CN": "body 无法解析：应答是未做 URL 编码的 k=v&k=v，请求和通知是 URL 编码的表单，字段不可重复。",
        "en": "The body cannot be parsed: a reply is k=v&k=v without url-encoding, a request or notification an "
        "url-encoded form; no field comes twice.",
    },
    "method": {
        "zh-CN": "signMethod 应为 01、11 或 12；encoding 应为 UTF-8、GBK、GB2312 或 GB18030。",
        "en": "signMethod must be 01, 11 or 12; encoding must be UTF-8, GBK, GB2312 or GB18030.",
    },
    "encoding": {
        "zh-CN": "有的值无法用报文的 encoding 表示；请检查 encoding。",
        "en": "A value cannot be written in the message's encoding; check `encoding`.",
    },
    "client": {
        "zh-CN": "upsdk.config 需要 params：appId、frontToken、nonceStr、timestamp、url。",
        "en": "upsdk.config needs params: appId, frontToken, nonceStr, timestamp, url.",
    },
    "client_wrong": {
        "zh-CN": "签名不符：检查 frontToken 是否过期、url 是否就是页面地址（不含 # 之后）、timestamp 是否为秒。",
        "en": "The signature does not match: check that frontToken is live, that url is the page's own (without # and "
        "what follows), and that timestamp is in seconds.",
    },
    "signature_missing": {"zh-CN": "报文没有 signature。", "en": "The message has no signature."},
    "private_key": {
        "zh-CN": "签名需要 key：商户 RSA 私钥（PEM，或不带头尾的 base64）。",
        "en": "Signing needs key: the merchant's RSA private key (PEM, or base64 without armour).",
    },
    "public_key": {
        "zh-CN": "验签需要公钥：应答和通知看 signPubKeyCert，请求需要 key 给出证书或公钥。",
        "en": "Verifying needs a key: signPubKeyCert in a reply or notification; a certificate as key for a request.",
    },
    "secure_key": {
        "zh-CN": "签名方式 11 和 12 需要 secure_key。",
        "en": "Methods 11 and 12 need secure_key.",
    },
    "decrypt": {
        "zh-CN": "解不开：需要商户签名私钥（RSA PKCS#1 v1.5），或 fileContent 不是 base64(zlib)。",
        "en": "It does not decrypt: the merchant's signing key is needed (RSA PKCS#1 v1.5), or fileContent is not "
        "base64 of zlib.",
    },
    "certificate_malformed": {
        "zh-CN": "signPubKeyCert 不是一张完整的 PEM 证书；可能换行被改动或被截断。",
        "en": "signPubKeyCert is not one whole PEM certificate; its line ends may have been changed, or it was cut.",
    },
    "chain": {
        "zh-CN": "signPubKeyCert 不是由给出的根证书和中级证书签发；可能用错了环境的证书，或报文系伪造。",
        "en": "signPubKeyCert is not issued under the given root and intermediate; they may be another environment's, "
        "or the message is forged.",
    },
    "common_name": {
        "zh-CN": "签名证书的 CN 用 @ 分开后第三段不是“中国银联股份有限公司”（测试环境可能是 00040000:SIGN）。",
        "en": "The third part of the certificate's CN, split at @, is not 中国银联股份有限公司 (in some test "
        "environments it is 00040000:SIGN).",
    },
    "dates": {
        "zh-CN": "signPubKeyCert 或其上级证书在此时刻不在有效期内；检查时钟或 now。",
        "en": "signPubKeyCert or a certificate above it is not valid at this time; check the clock, or `now`.",
    },
    "no_roots": {
        "zh-CN": "签名与证书相符，但没有给出 roots：公钥随报文而来，不验证书链就谁都能伪造。",
        "en": "The signature fits the certificate, but there are no roots: the key comes with the message, so that "
        "without a chain anybody can forge one.",
    },
    "no_now": {
        "zh-CN": "签名与证书链相符，但没有给出 now，无法检查有效期。",
        "en": "The signature and the chain hold, but there is no now to compare the certificate's dates with.",
    },
    "single_hash": {
        "zh-CN": "只做了一次摘要：5.1.0 先取待签名串 SHA-256 的小写十六进制，再对这 64 个字符做 SHA256withRSA。",
        "en": "It was hashed once: 5.1.0 takes the lower-case hexadecimal SHA-256 of the text, and signs those 64 "
        "characters with SHA256withRSA.",
    },
    "upper_hash": {
        "zh-CN": "摘要的十六进制用了大写，应为小写。",
        "en": "The hexadecimal hash was in upper case; it must be in lower case.",
    },
    "old_version": {
        "zh-CN": "按 5.0.0（SHA-1）签的，但 version 是 5.1.0。",
        "en": "It was signed as 5.0.0 (SHA-1), but version says 5.1.0.",
    },
    "crlf": {
        "zh-CN": "signPubKeyCert 的 CRLF 换行被改成了 LF（或被去掉）；它参与签名，必须原样保留。",
        "en": "The CRLF line ends of signPubKeyCert became LF, or were dropped; it is signed, so keep it as it came.",
    },
    "last_line": {
        "zh-CN": "signPubKeyCert 末尾多了换行。",
        "en": "signPubKeyCert gained a line end at its end.",
    },
    "plus": {
        "zh-CN": "值里的 + 变成了空格：应答体没有做 URL 编码，不要解码（也不要用 parse_qs）。",
        "en": "A + in a value became a space: a reply's body is not url-encoded; do not decode it (nor use parse_qs).",
    },
    "decoded": {
        "zh-CN": "值还带着 %XX：通知是 URL 编码的表单，要先解码一次再验签。",
        "en": "A value still has %XX in it: a notification is an url-encoded form; decode it once, then verify.",
    },
    "empty": {
        "zh-CN": "空值字段也被拼进了待签名串；空值不参与签名。",
        "en": "Empty fields were put into the text that is signed; they are left out.",
    },
    "braces": {
        "zh-CN": "{} 或 [] 里的 & 和 = 被拆开了；花括号内是一个值。",
        "en": "What stands in {} or [] was split at & or =; braces hold one value.",
    },
    "other_encoding": {
        "zh-CN": "签名时用的字符集与报文的 encoding 不同。",
        "en": "It was signed in another encoding than the message's.",
    },
    "url_encoded": {
        "zh-CN": "待签名串里的值做了 URL 编码；应使用原始值。",
        "en": "The values were url-encoded in the text that is signed; they must be as they are.",
    },
    "unhashed_key": {
        "zh-CN": "secure_key 没有先取摘要：应拼接 & 加 hash(secure_key) 的小写十六进制。",
        "en": "secure_key was not hashed first: append & and the lower-case hexadecimal hash of it.",
    },
    "other_method": {
        "zh-CN": "11 是 SHA-256，12 是 SM3；用的是另一个。",
        "en": "11 is SHA-256 and 12 is SM3; the other one was used.",
    },
    "upper_signature": {
        "zh-CN": "signature 用了大写十六进制，应为小写。",
        "en": "The signature is in upper-case hexadecimal; it must be in lower case.",
    },
    "wrong": {
        "zh-CN": "签名与内容不符：检查密钥是否成对，字段是否有增减或改动。",
        "en": "The signature does not match: check that the keys are a pair, and that no field was added, lost or "
        "changed.",
    },
}
"""One sentence by word and language: what is wrong, and what to do."""

Check = Callable[[bytes], bool]


def key_of(bench: Bench) -> RSAPublicKey | None:
    """The key that verifies: the certificate's in the message, else the one that was given."""
    pem = bench.fields.get("signPubKeyCert", "")
    try:
        key = load_pem_x509_certificate(pem.encode("utf-8", "replace")).public_key() if pem else bench.public_key
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidVersion):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def of_certificate(bench: Bench) -> str:
    """What is wrong with the certificate in the message: a word of REASONS, or an empty text."""
    pem = bench.fields.get("signPubKeyCert", "")
    if not pem:
        return "" if bench.public_key else "certificate_malformed" if bench.kind != "request" else ""
    if key_of(bench) is None:
        return "certificate_malformed"
    if not bench.roots:
        return "no_roots"
    names = (bench.signer_name or UNIONPAY_NAME,)
    try:
        signer: Signer = prove(pem, _anchors(bench, names))
    except Untrusted as error:
        return "common_name" if "common name" in str(error) else "chain"
    if bench.now is None:
        return "no_now"
    return "" if signer.is_valid_at(bench.now) else "dates"


def of_rsa(bench: Bench, key: RSAPublicKey, source: Source) -> str:
    """The mistake under which this signature would be right, else `wrong`."""
    try:
        signature = b64decode(bench.signature, validate=True)
    except (binascii.Error, ValueError):
        return "plus" if " " in bench.signature else "wrong"
    schemes: dict[str, Check] = {
        "single_hash": lambda message: _is_signed(key, signature, message),
        "upper_hash": lambda message: _is_signed(key, signature, codec.rsa_text(message).upper()),
        "old_version": lambda message: _is_signed_with_sha1(key, signature, codec.rsa_text(message, "5.0.0")),
    }
    for cause, is_right in schemes.items():
        if is_right(bench.message):
            return cause
    spoken = (cause for cause, message in _texts(bench, source) if _is_signed(key, signature, codec.rsa_text(message)))
    return next(spoken, "wrong")


def of_keyed(bench: Bench) -> str:
    """The mistake under which this signature of method 11 or 12 would be right, else `wrong`."""
    secure_key, given = bench.secure_key or "", bench.signature
    other = "12" if bench.method == "11" else "11"
    if codec.keyed_hash(bench.message, secure_key, bench.method) == given.lower():
        return "upper_signature"
    if codec.keyed_hash(bench.message, secure_key, other) == given:
        return "other_method"
    if codec.plain_hash(bench.message + b"&" + secure_key.encode(), bench.method) == given:
        return "unhashed_key"
    texts = _texts(bench, {})
    return next((c for c, message in texts if codec.keyed_hash(message, secure_key, bench.method) == given), "wrong")


def _texts(bench: Bench, source: Source) -> Iterator[tuple[str, bytes]]:
    """The texts that other readings of the same message would sign, each with the mistake's word."""
    fields, pem = bench.fields, bench.fields.get("signPubKeyCert", "")
    lines = pem.replace("\r", "").strip("\n")
    yield "last_line", _bytes({**fields, "signPubKeyCert": pem.rstrip("\r\n")}, bench)
    yield "crlf", _bytes({**fields, "signPubKeyCert": lines.replace("\n", "\r\n")}, bench)
    yield "crlf", _bytes({**fields, "signPubKeyCert": _unfolded(pem)}, bench)
    spaced = {"signPubKeyCert", "respMsg"}
    plussed = {name: value if name in spaced else value.replace(" ", "+") for name, value in fields.items()}
    yield "plus", _bytes(plussed, bench)
    yield "plus", _bytes({**plussed, "signPubKeyCert": _plus_in_certificate(pem)}, bench)
    yield "decoded", _bytes({name: unquote(value) for name, value in fields.items()}, bench)
    kept = sorted((name, value) for name, value in fields.items() if name != "signature")
    yield "empty", "&".join(f"{name}={value}" for name, value in kept).encode(bench.charset, "replace")
    yield "braces", _bytes(_rejoined(source), bench)
    for charset in ("utf-8", "gbk"):
        yield "other_encoding", codec.canonical(fields).encode(charset, "replace")
    escaped = codec.form(dict(sorted((k, v) for k, v in fields.items() if v and k != "signature")))
    yield "url_encoded", escaped


def _bytes(fields: Mapping[str, str], bench: Bench) -> bytes:
    return codec.canonical(fields).encode(bench.charset, "replace")


def _unfolded(pem: str) -> str:
    """A certificate whose line ends were all dropped or became spaces, with CRLF where they belong."""
    head, tail = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    inner = "".join(pem.replace(head, "").replace(tail, "").split())
    rows = [inner[begin : begin + 64] for begin in range(0, len(inner), 64)]
    return "\r\n".join((head, *rows, tail))


def _plus_in_certificate(pem: str) -> str:
    head, tail = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return head + pem.replace(head, "").replace(tail, "").replace(" ", "+") + tail


def _rejoined(source: Source) -> Mapping[str, str]:
    """Fields that a splitter tore apart at `&` inside braces, put together again in the order in which they came."""
    params = source.get("params")
    found = cast("dict[str, object]", params) if isinstance(params, dict) else {}
    fields: dict[str, str] = {}
    opened = ""
    for name, value in found.items():
        text = value if isinstance(value, str) else ""
        if opened:
            fields[opened] += f"&{name}={text}"
        else:
            fields[name] = text
        last = opened or name
        opened = last if fields[last].count("{") > fields[last].count("}") else ""
    return fields


def _anchors(bench: Bench, names: tuple[str, ...]) -> Anchors:
    """Of the given certificates, those that issued themselves are roots."""
    roots: list[str] = []
    middles: list[str] = []
    for pem in bench.roots:
        certificate = load_pem_x509_certificate(pem.encode())
        (roots if certificate.issuer == certificate.subject else middles).append(pem)
    return Anchors(tuple(roots), tuple(middles), names)


def _is_signed(key: RSAPublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_signed_with_sha1(key: RSAPublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text, PKCS1v15(), SHA1())  # noqa: S303 - what 5.0.0 prescribes
    except (InvalidSignature, ValueError):
        return False
    return True
