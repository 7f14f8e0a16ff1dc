"""The sandbox's own short reading of ACP 5.1.0 on the wire: reads forms, checks and makes signatures.

It must not import the codec. Source: 全渠道平台接入接口规范 5.1.0 (签名机制).
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shunfu.channels.unionpay.sandbox.state import State
from shunfu.gateway.flow import Reply

Fields: TypeAlias = Mapping[str, str]

CHARSETS = {"UTF-8": "utf-8", "GBK": "gbk", "GB2312": "gb2312", "GB18030": "gb18030"}
MESSAGES = {
    "00": "成功[0000000]",
    "A6": "有缺陷的成功[0000000]",
    "01": "交易失败，请咨询您的发卡银行[1000001]",
    "03": "交易通讯超时，请发起查询交易[3000003]",
    "05": "交易已受理，请稍后查询交易结果[3000005]",
    "06": "系统繁忙，请稍后再试[2000006]",
    "10": "报文格式错误[9100010]",
    "11": "验证签名失败[9100004]",
    "12": "重复交易[2010002]",
    "13": "报文交易要素缺失[9100013]",
    "31": "商户状态不正确[5000031]",
    "32": "无此交易权限[5000032]",
    "34": "查无此交易[2600000]",
    "35": "原交易不存在或状态不正确[2040004]",
    "36": "与原交易信息不符[2040004]",
    "37": "已超过最大查询次数或操作过于频繁[2000037]",
    "38": "交易受限[2000038]",
    "45": "原交易已被成功退货或已被成功撤销[2000045]",
    "64": "余额不足[1000051]",
    "69": "交易超时，持卡人未付款[1000069]",
    "98": "文件不存在[9100098]",
}
TEXT = {"content-type": "text/html;charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class Pen:
    """With what a message is signed: as usual, or what shall be wrong with it."""

    method: str
    encoding: str
    twist: str = ""


def read_form(body: bytes) -> dict[str, str] | None:
    """An url-encoded form in the encoding that it names; None when it is none or names a field twice."""
    try:
        text = body.decode("ascii")
        encoding = dict(parse_qsl(text, encoding="latin-1")).get("encoding", "UTF-8")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", encoding=charset(encoding), max_num_fields=200)
    except ValueError:
        return None
    fields = dict(pairs)
    return fields if fields and len(fields) == len(pairs) else None


def charset(encoding: str) -> str:
    """Python's name for UnionPay's encoding; UTF-8 for one that UnionPay does not have."""
    return CHARSETS.get(encoding.upper(), "utf-8")


def signed_bytes(fields: Fields) -> bytes:
    """What is signed: the fields that have a value, but the signature, sorted, unescaped, in the message's encoding."""
    present = {name: value for name, value in fields.items() if name != "signature" and value != ""}
    text = "&".join(f"{name}={present[name]}" for name in sorted(present))
    return text.encode(charset(fields.get("encoding", "UTF-8")), "replace")


def is_merchant_signed(key: RSAPublicKey, fields: Fields) -> bool:
    """Method 01: RSA over the hexadecimal text of the SHA-256; RSA hashes that text once more."""
    text = hashlib.sha256(signed_bytes(fields)).hexdigest().encode()
    try:
        signature = b64decode(fields.get("signature", ""), validate=True)
        key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def keyed(fields: Fields, method: str, secure_key: str) -> str:
    """Methods 11 and 12: hash(text & hash(key))."""

    def digest(raw: bytes) -> str:
        if method == "11":
            return hashlib.sha256(raw).hexdigest()
        sm3 = hashes.Hash(hashes.SM3())
        sm3.update(raw)
        return sm3.finalize().hex()

    return digest(signed_bytes(fields) + f"&{digest(secure_key.encode())}".encode())


def is_signed(state: State, fields: Fields) -> bool:
    """Whether our merchant signed these fields, by the method that they name."""
    method = fields.get("signMethod", "")
    if method == "01":
        return fields.get("certId") == state.material.cert_id and is_merchant_signed(state.keys.merchant, fields)
    return method in {"11", "12"} and fields.get("signature") == keyed(fields, method, state.material.secure_key)


def signed(state: State, fields: Fields, pen: Pen) -> dict[str, str]:
    """The fields as UnionPay signs them, by name; the certificate travels with them and is signed too."""
    method = pen.method if pen.method in {"11", "12"} else "01"
    whole = {**fields, "version": "5.1.0", "encoding": pen.encoding, "signMethod": method}
    whole = {name: value for name, value in whole.items() if value}
    if method == "01":
        whole["signPubKeyCert"] = _certificate(state, pen.twist)
        key = state.keys.stranger if pen.twist == "wrong_serial" else state.keys.signer
        text = hashlib.sha256(signed_bytes(whole)).hexdigest().encode()
        whole["signature"] = b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    else:
        secure_key = state.material.secure_key
        is_wrong = pen.twist in {"wrong_serial", "stale_timestamp"}
        whole["signature"] = keyed(whole, method, secure_key[::-1] if is_wrong else secure_key)
    if "signature" in pen.twist or "signtest" in pen.twist:
        whole["signature"] = _spoiled(whole["signature"])
    return dict(sorted(whole.items()))


def reply(state: State, fields: Fields, pen: Pen) -> Reply:
    """A signed reply. Its body is not url-encoded: certificate, base64 and Chinese stand in it as they are."""
    text = "&".join(f"{name}={value}" for name, value in signed(state, fields, pen).items())
    return Reply(200, {"content-type": f"text/html;charset={pen.encoding}"}, text.encode(charset(pen.encoding)))


def form(fields: Fields) -> bytes:
    """The fields as a notification carries them: url-encoded in their encoding."""
    return urlencode(list(fields.items()), encoding=charset(fields.get("encoding", "UTF-8"))).encode()


def page(status: int, text: str) -> Reply:
    """A small page, as browsers are shown."""
    html = (
        f'<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>UnionPay</title></head><body>{text}</body>'
    )
    return Reply(status, TEXT, f"{html}</html>".encode())


def _certificate(state: State, twist: str) -> str:
    material = state.material
    strange = {"wrong_serial": material.stranger_certificate, "stale_timestamp": material.expired_certificate}
    return strange.get(twist, material.signer_certificate)


def _spoiled(signature: str) -> str:
    """The same with its tenth character another one of its alphabet."""
    return signature[:10] + ("b" if signature[10] != "b" else "c") + signature[11:]
