"""WeChat Pay API v3 in bytes and values: sign, verify, decrypt, build, read. Must not know: states, HTTP, clocks.

Signatures are over raw bytes.
Sources: pay.weixin.qq.com "如何构造签名", "如何验证签名", "证书和回调报文解密", "小程序调起支付".
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import Closed, Evidence, NotPaid, Paid, Unknown
from shunfu.gateway.flow import Request
from shunfu.gateway.port import Moment, Prepay
from shunfu.gateway.reading import (
    JsonObject,
    integer_at,
    object_at,
    parse_object,
    parse_time,
    parse_timestamp,
    text_at,
)
from shunfu.kernel.money import EXPONENTS, MAX_MINOR, Money

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE = "WECHATPAY/SIGNTEST/"
WINDOW_SECONDS = 300
SHANGHAI = timezone(timedelta(hours=8))
NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}", re.ASCII)

_NONCE = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_NAME = re.compile(r"[0-9A-Za-z_.:-]{1,64}", re.ASCII)
_NOT_PAID = frozenset({"NOTPAY", "USERPAYING", "ACCEPT", "PAYERROR"})
_CLOSED = frozenset({"CLOSED", "REVOKED"})
_PAID = frozenset({"SUCCESS", "REFUND"})


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why a message from WeChat cannot be trusted. `is_probe`: it tests whether we verify."""

    reason: str
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Method and target of a request; the target is path and query exactly as sent, for both are signed."""

    method: str
    target: str


def sign(key: RSAPrivateKey, *lines: str) -> str:
    """Base64 of SHA256 with RSA (PKCS#1 v1.5) over the lines, each ended by LF."""
    message = "".join(f"{line}\n" for line in lines)
    return b64encode(key.sign(message.encode(), PKCS1v15(), SHA256())).decode()


def build_request(settings: Settings, line: Line, moment: Moment, body: str = "") -> Request:
    """A signed request with this exact text as its body."""
    timestamp = str(int(moment.now.timestamp()))
    signature = sign(settings.merchant_private_key, line.method, line.target, timestamp, moment.nonce, body)
    authorization = (
        f'{SCHEME} mchid="{settings.mchid}",nonce_str="{moment.nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{settings.merchant_serial}"'
    )
    headers = (
        ("Accept", "application/json"),
        ("Authorization", authorization),
        ("User-Agent", "shunfu"),
        ("Wechatpay-Serial", settings.wechat_serial),
        *((("Content-Type", "application/json"),) if body else ()),
    )
    backup_urls = tuple(host + line.target for host in settings.backup_urls)
    return Request(line.method, settings.base_url + line.target, headers, body.encode(), backup_urls=backup_urls)


def prepay_body(settings: Settings, prepay: Prepay) -> str:
    """The order as compact JSON; amounts in fen, times at +08:00, description cut to 127 characters."""
    body: dict[str, object] = {
        "appid": settings.appid_in(prepay.scene),
        "mchid": settings.mchid,
        "description": "".join(c if c.isprintable() else " " for c in prepay.subject)[:127],
        "out_trade_no": prepay.number,
        "time_expire": prepay.expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
        "notify_url": prepay.notify_url,
        "amount": {"total": prepay.amount.minor, "currency": prepay.amount.currency},
    }
    if prepay.payer is not None:
        body["payer"] = {"openid": prepay.payer}
    if prepay.scene == "h5":
        body["scene_info"] = {"payer_client_ip": prepay.client_ip, "h5_info": {"type": "Wap"}}
    if prepay.is_shared:
        body["settle_info"] = {"profit_sharing": True}
    return compact(body)


def compact(value: Mapping[str, object]) -> str:
    """JSON without spaces, other alphabets as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def pay_params(settings: Settings, appid: str, prepay_id: str, moment: Moment) -> dict[str, str]:
    """What `wx.requestPayment` and WeixinJSBridge take, signed over appId, timeStamp, nonceStr and package."""
    timestamp, package = str(int(moment.now.timestamp())), f"prepay_id={prepay_id}"
    signature = sign(settings.merchant_private_key, appid, timestamp, moment.nonce, package)
    return {
        "appId": appid,
        "timeStamp": timestamp,
        "nonceStr": moment.nonce,
        "package": package,
        "signType": "RSA",
        "paySign": signature,
    }


def app_params(settings: Settings, prepay_id: str, moment: Moment) -> dict[str, str]:
    """What the app's SDK takes; unlike `pay_params` the fourth line that is signed is the bare prepay_id."""
    timestamp = str(int(moment.now.timestamp()))
    return {
        "appid": settings.appid,
        "partnerid": settings.mchid,
        "prepayid": prepay_id,
        "package": "Sign=WXPay",
        "noncestr": moment.nonce,
        "timestamp": timestamp,
        "sign": sign(settings.merchant_private_key, settings.appid, timestamp, moment.nonce, prepay_id),
    }


def verify(settings: Settings, headers: Mapping[str, str], body: bytes, now: datetime) -> Distrust | None:
    """None when WeChat signed exactly these bytes within 300 seconds of now; headers by lower-case name."""
    found = [headers.get(f"wechatpay-{name}", "") for name in ("timestamp", "nonce", "serial", "signature")]
    timestamp, nonce, serial, signature = found
    if not all(found):
        return Distrust("signature headers are missing")
    seconds = parse_timestamp(timestamp)
    if seconds is None or abs(now.timestamp() - seconds) >= WINDOW_SECONDS:
        return Distrust("timestamp is not within 300 seconds of now")
    if headers.get("wechatpay-signature-type", SCHEME) != SCHEME:
        return Distrust("signature type is not supported")
    key = settings.wechat_keys.get(serial) or settings.wechat_keys.get(serial.upper().lstrip("0"))
    if key is None:
        return Distrust("serial is not a key we hold")
    if _NONCE.fullmatch(nonce) is None:
        return Distrust("nonce is malformed")
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    try:
        key.verify(b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return Distrust("signature does not match", is_probe=signature.startswith(PROBE))
    return None


def decrypt(settings: Settings, resource: JsonObject) -> bytes | None:
    """Plaintext of an AEAD_AES_256_GCM resource (12-byte nonce, 16-byte tag checked), or None."""
    aad = resource.get("associated_data") or ""
    ciphertext, nonce = resource.get("ciphertext"), resource.get("nonce")
    if not (isinstance(aad, str) and isinstance(ciphertext, str) and isinstance(nonce, str)):
        return None
    if resource.get("algorithm") != "AEAD_AES_256_GCM" or len(nonce.encode()) != 12:
        return None
    try:
        sealed = b64decode(ciphertext, validate=True)
        return AESGCM(settings.api_v3_key.reveal()).decrypt(nonce.encode(), sealed, aad.encode())
    except (InvalidTag, binascii.Error, ValueError):
        return None


def read_error_code(body: bytes) -> str | None:
    """The `code` of an error reply, or None."""
    return text_at(parse_object(body) or {}, "code", _NAME)


def name_at(source: JsonObject, name: str) -> str | None:
    """A short machine name (id, type, state) under this name, or None."""
    return text_at(source, name, _NAME)


def read_transaction(source: JsonObject) -> Evidence:
    """Evidence in a transaction object, as the query replies it and a notification encrypts it."""
    state = name_at(source, "trade_state")
    if state in _PAID:
        return _read_paid(source)
    if state in _NOT_PAID:
        return NotPaid(state)
    return Closed(state) if state in _CLOSED else Unknown("trade_state is not one that we know")


def _read_paid(source: JsonObject) -> Evidence:
    amount = object_at(source, "amount")
    total, currency = integer_at(amount, "total"), amount.get("currency", "CNY")
    account, app = name_at(source, "mchid"), name_at(source, "appid")
    transaction_no, moment = name_at(source, "transaction_id"), parse_time(source.get("success_time"))
    if total is None or not 0 < total <= MAX_MINOR or not isinstance(currency, str) or currency not in EXPONENTS:
        return Unknown("amount of a paid transaction is malformed")
    if account is None or app is None or transaction_no is None or moment is None:
        return Unknown("paid transaction is incomplete")
    return Paid(Money(total, currency), account, app, transaction_no, moment)
