"""The sandbox's own short reading of API v3 on the wire: checks Authorization, signs, seals. Must not import the codec.

Sources: pay.weixin.qq.com "如何构造签名", "签名验证", "证书和回调报文解密".
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from shunfu.channels.wechatpay.sandbox.keys import Keys
from shunfu.gateway.flow import Reply, Request

_AUTHORIZATION = re.compile(r"WECHATPAY2-SHA256-RSA2048\s+(.+)", re.DOTALL)
_ITEM = re.compile(r'\s*(mchid|nonce_str|signature|timestamp|serial_no)="([^"]*)"\s*(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class Said:
    """What the sandbox says before it is put on the wire: status, JSON or nothing, and the errno of Request-ID.

    A `file` goes out as it is and is the one good answer that WeChat does not sign.
    """

    status: int
    content: dict[str, object] | None = None
    errno: int = 0
    file: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Signing:
    """What a signed message needs besides its content."""

    keys: Keys
    key_id: str
    now: datetime
    entropy: bytes


def draw(entropy: bytes, *labels: str | int) -> bytes:
    """32 bytes for one purpose, out of the entropy given for one step."""
    return sha256(entropy + "/".join(str(label) for label in labels).encode()).digest()


def header(request: Request, name: str) -> str:
    """A request header by its lower-case name, or an empty text."""
    return next((value for key, value in request.headers if key.lower() == name), "")


def target(request: Request) -> str:
    """Path and query exactly as sent: the second line that is signed."""
    parts = urlsplit(request.url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def problem(status: int, code: str, message: str, errno: int, **detail: object) -> Said:
    """An error as API v3 writes it; `detail` only when there is something to say."""
    content: dict[str, object] = {"code": code, "message": message}
    if detail:
        content["detail"] = detail
    return Said(status, content, errno)


def why_unsigned(keys: Keys, request: Request, now: datetime) -> str | None:
    """None when the merchant signed exactly this request within five minutes; else what is wrong."""
    found = _AUTHORIZATION.fullmatch(header(request, "authorization"))
    items = dict(_ITEM.findall(found.group(1))) if found else {}
    if len(items) != 5 or _ITEM.sub("", found.group(1) if found else "").strip():
        return "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
    material = keys.material
    if items["mchid"] != material.mchid or items["serial_no"].upper() != material.merchant_serial:
        return "商户证书序列号有误。请使用签名私钥匹配的证书序列号"
    stamp = items["timestamp"]
    if not re.fullmatch("[0-9]{1,12}", stamp, re.ASCII) or abs(now.timestamp() - int(stamp)) > 300:
        return "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
    first = f"{request.method}\n{target(request)}\n{stamp}\n{items['nonce_str']}\n".encode()
    return (
        None if is_signed_by_merchant(keys, first + request.body + b"\n", items["signature"]) else "签名错误，验签失败"
    )


def is_signed_by_merchant(keys: Keys, message: bytes, signature: str) -> bool:
    """Whether the base64 text is the merchant's SHA256 with RSA signature of the message."""
    try:
        keys.merchant.verify(b64decode(signature, validate=True), message, padding.PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def sign_error(request: Request, why: str, entropy: bytes) -> Reply:
    """401 SIGN_ERROR, the one error that WeChat does not sign."""
    message = f"{request.method}\n{target(request)}\n"
    information = {"method": request.method, "url": target(request), "truncated_sign_message": message}
    detail = {"issue": "sign not match"}
    said = problem(
        401, "SIGN_ERROR", why, 268443699, field="signature", location="authorization", detail=detail,
        sign_information={**information, "sign_message_length": len(message) + len(request.body)},
    )  # fmt: skip
    return Reply(401, _headers(said, entropy), _body(said))


def unsigned_not_found(entropy: bytes) -> Reply:
    """The gateway's 404 for an address that no product has: HTML, not signed."""
    headers = {"content-type": "text/html", "request-id": f"{draw(entropy, 'request').hex().upper()[:32]}-0"}
    return Reply(404, headers, b"<html><head><title>404 Not Found</title></head><body>404 Not Found</body></html>")


def signed(said: Said, signing: Signing) -> Reply:
    """The reply with WeChat's signature over timestamp, nonce and body; a file without."""
    if said.file is not None:
        return Reply(said.status, {**_headers(said, signing.entropy), "content-type": "text/plain"}, said.file)
    body = _body(said)
    headers = {**_headers(said, signing.entropy), **signature_headers(body, signing)}
    return Reply(said.status, headers, body)


def signature_headers(body: bytes, signing: Signing) -> dict[str, str]:
    """The five `Wechatpay-*` headers of a reply or notification, names in lower case."""
    timestamp = str(int(signing.now.timestamp()))
    nonce = draw(signing.entropy, "nonce").hex()[:32]
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    signature = signing.keys.signer(signing.key_id).sign(message, padding.PKCS1v15(), SHA256())
    return {
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-signature": b64encode(signature).decode(),
        "wechatpay-serial": signing.key_id,
        "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
    }


def seal(keys: Keys, plaintext: str, associated_data: str, entropy: bytes) -> dict[str, str]:
    """AEAD_AES_256_GCM under the APIv3 key, as notifications and certificates carry it."""
    nonce = draw(entropy, "seal").hex()[:12]
    cipher = AESGCM(keys.material.api_v3_key.encode())
    sealed = cipher.encrypt(nonce.encode(), plaintext.encode(), associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": b64encode(sealed).decode(),
    }


def open_field(keys: Keys, key_id: str, sealed: str) -> str | None:
    """A sensitive field that was encrypted (RSA-OAEP, SHA-1) for this WeChat key, or None when it was not."""
    oaep = padding.OAEP(mgf=padding.MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - as documented
    try:
        return keys.signer(key_id).decrypt(b64decode(sealed, validate=True), oaep).decode()
    except ValueError:
        return None


def close_field(keys: Keys, plain: str) -> str:
    """A sensitive field of a reply, encrypted for the merchant's certificate."""
    oaep = padding.OAEP(mgf=padding.MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - as documented
    return b64encode(keys.merchant.encrypt(plain.encode(), oaep)).decode()


def _headers(said: Said, entropy: bytes) -> dict[str, str]:
    shown = {"request-id": f"{draw(entropy, 'request').hex().upper()[:32]}-{said.errno}"}
    if said.content is not None:
        shown |= {"content-type": "application/json; charset=utf-8", "content-language": "zh-CN"}
    return shown


def _body(said: Said) -> bytes:
    return b"" if said.content is None else json.dumps(said.content, ensure_ascii=False, separators=(",", ":")).encode()
