"""gateway.do on the wire, read with the sandbox's own short understanding of the rules: never by the channel's codec.

Clients put the parameters into the address, the body, or both; the charset is looked for in the address first. Errors
are HTTP 200 with JSON under a content type of HTML. Must not know: trades.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.padding import PKCS7

from shunfu.channels.alipay.sandbox.asked import MESSAGES, Said, parse_clock
from shunfu.channels.alipay.sandbox.keys import parse_keys
from shunfu.channels.alipay.sandbox.state import Material
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.reading import JsonObject, parse_object

CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gbk", "gb2312": "gbk", "gb18030": "gb18030"}
OURS = frozenset({"return", "lang"})
"""What the stand-in's own pages add to an address: no part of Alipay's parameters."""
BODY_BYTES_MAX = 1 << 20

_METHOD = re.compile(r"[a-z][0-9a-z]*(\.[0-9a-z_]+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """How a reply is to be dressed: the node's name, the charset, the signature's kind, and whether it is signed."""

    node: str = "error_response"
    charset: str = "utf-8"
    sign_type: str = "RSA2"
    app_id: str = ""
    is_encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """The parameters of a request as they came, once decoded."""

    params: Mapping[str, str] = field(repr=False)
    charset: str = "utf-8"
    is_multipart: bool = False


def parse(request: Request) -> Parsed:
    """All parameters of the address and the body, decoded in the charset that the address or the body names."""
    is_multipart = header(request, "content-type").lower().startswith("multipart/")
    form = "" if is_multipart else request.body[:BODY_BYTES_MAX].decode("latin-1")
    return replace(parse_texts(urlsplit(request.url).query, form), is_multipart=is_multipart)


def parse_texts(query: str, form: str = "") -> Parsed:
    """The parameters in an address's query (or an order string) and in a form."""
    named = {**_pairs(form, "latin-1"), **_pairs(query, "latin-1")}.get("charset", "utf-8")
    charset = CHARSETS.get(named.lower(), "utf-8")
    return Parsed({**_pairs(form, charset), **_pairs(query, charset)}, charset)


def _pairs(text: str, charset: str) -> dict[str, str]:
    try:
        found = parse_qsl(text, keep_blank_values=True, encoding=charset, errors="replace", max_num_fields=500)
    except ValueError:
        return {}
    return {name: value for name, value in found if name not in OURS}


def header(request: Request, name: str) -> str:
    """One header's value, empty when it is not there."""
    return next((value for key, value in request.headers if key.lower() == name), "")


def why_not(material: Material, parsed: Parsed) -> Said | None:
    """Why a request is not let in, or None. The order is the gateway's: the application before the signature."""
    params = parsed.params
    missing = _missing(params, ("method", "app_id"))
    if missing or _METHOD.fullmatch(params["method"]) is None:
        return missing or _wrong("method", "不存在的方法名")
    if params["app_id"] not in {material.app_id, material.app_id_cert}:
        return _wrong("app-id", "无效的AppID参数")
    missing = _missing(params, ("sign_type", "sign", "timestamp", "version", "charset"))
    if missing:
        return missing
    if params["sign_type"] not in {"RSA", "RSA2"}:
        return _wrong("signature-type", "无效的签名类型")
    if params["charset"].lower() not in CHARSETS:
        return _wrong("charset", "字符集错误")
    if params.get("format", "json").lower() != "json":
        return _wrong("format", "无效的数据格式")
    if not parse_clock(params["timestamp"]):
        return _wrong("timestamp", "非法的时间戳参数")
    return _wrong_serial(material, params) or _wrong_signature(material, parsed)


def _missing(params: Mapping[str, str], names: tuple[str, ...]) -> Said | None:
    words = {"sign": "signature", "sign_type": "signature-type"}
    name = next((name for name in names if not params.get(name)), None)
    if name is None:
        return None
    word = words.get(name, name.replace("_", "-"))
    return Said(code="40001", sub_code=f"isv.missing-{word}", sub_msg=f"缺少{name}参数")


def _wrong(word: str, sub_msg: str) -> Said:
    return Said(code="40002", sub_code=f"isv.invalid-{word}", sub_msg=sub_msg)


def _wrong_serial(material: Material, params: Mapping[str, str]) -> Said | None:
    """One application has one mode: with certificates both serial numbers are there and right, else neither is."""
    keys, given = parse_keys(material), (params.get("app_cert_sn"), params.get("alipay_root_cert_sn"))
    if params["app_id"] == material.app_id:
        return _wrong("app-cert-sn", "应用未配置公钥证书") if any(given) else None
    missing = _missing(params, ("app_cert_sn", "alipay_root_cert_sn"))
    if missing:
        return missing
    if given[0] != keys.app_cert_sn:
        return _wrong("app-cert-sn", "应用公钥证书SN无效")
    return _wrong("alipay-root-cert-sn", "支付宝根证书SN无效") if given[1] != keys.root_cert_sn else None


def _wrong_signature(material: Material, parsed: Parsed) -> Said | None:
    params = parsed.params
    text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "sign" and params[name])
    if is_by(
        app_key(material, params["app_id"]), text.encode(parsed.charset, "replace"), params["sign"], params["sign_type"]
    ):
        return None
    words = "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为："
    return _wrong("signature", words + text.replace("&", "&amp;"))


def app_key(material: Material, app_id: str) -> rsa.RSAPrivateKey:
    """The key of one of the two applications."""
    keys = parse_keys(material)
    return keys.app if app_id == material.app_id else keys.app_by_cert


def is_by(key: rsa.RSAPrivateKey, message: bytes, signature: str, sign_type: str = "RSA2") -> bool:
    """Whether the owner of this key signed the message."""
    try:
        key.public_key().verify(b64decode(signature, validate=True), message, padding.PKCS1v15(), _hash(sign_type))
    except (InvalidSignature, ValueError):
        return False
    return True


def signature_of(key: rsa.RSAPrivateKey, message: bytes, sign_type: str = "RSA2") -> str:
    """The signature in base64."""
    return b64encode(key.sign(message, padding.PKCS1v15(), _hash(sign_type))).decode()


def spoil(signature: str) -> str:
    """A signature that is none, in the shape of one."""
    return ("B" if signature[:1] == "A" else "A") + signature[1:]


def _hash(sign_type: str) -> HashAlgorithm:
    return SHA1() if sign_type == "RSA" else SHA256()  # noqa: S303 - what the older scheme is


def biz_of(material: Material, params: Mapping[str, str]) -> JsonObject | Said:
    """The JSON of biz_content, decrypted when it says so; empty when there is none."""
    text = params.get("biz_content", "")
    if params.get("encrypt_type"):
        opened = unseal(material, text) if params["encrypt_type"].upper() == "AES" else None
        if opened is None:
            return _wrong("encrypt", "解密出错, 请检查加密算法和密钥")
        text = opened
    found = parse_object(text.encode("utf-8", "replace") if text else b"{}")
    return (
        Said(code="40002", sub_code="isv.illegal-json", sub_msg="biz_content不是合法的JSON") if found is None else found
    )


def seal(material: Material, text: str) -> str:
    """AES-128-CBC, PKCS#7, an IV of zero bytes, base64."""
    padder, encryptor = PKCS7(128).padder(), _cipher(material).encryptor()
    padded = padder.update(text.encode()) + padder.finalize()
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def unseal(material: Material, text: str) -> str | None:
    """The inverse of `seal`, or None."""
    try:
        decryptor, unpadder = _cipher(material).decryptor(), PKCS7(128).unpadder()
        padded = decryptor.update(b64decode(text, validate=True)) + decryptor.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        return None


def _cipher(material: Material) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(b64decode(material.aes_key)), modes.CBC(bytes(16)))


def dress(material: Material, said: Said, head: Letterhead, twist: str = "") -> Reply:
    """The reply: node, `alipay_cert_sn` for the application with certificates, `sign`; nothing stands between them.

    Without an application nothing can be signed. Slashes are written `\\/`, as Alipay's gateway does.
    """
    node = node_text(said)
    if head.is_encrypted:
        node = json.dumps(seal(material, node))
    members = [f'"{head.node}":{node}']
    if head.app_id == material.app_id_cert:
        members.append(f'"alipay_cert_sn":"{parse_keys(material).alipay_cert_sn}"')
    if head.app_id:
        message = node.encode(head.charset, "replace")
        signature = signature_of(parse_keys(material).alipay, message, head.sign_type)
        members.append(f'"sign":"{spoil(signature) if twist else signature}"')
    body = "{" + ",".join(members) + "}"
    return Reply(200, {"content-type": f"text/html;charset={head.charset}"}, body.encode(head.charset, "replace"))


def node_text(said: Said) -> str:
    """The node's JSON; codes first, as the gateway writes them."""
    codes = {} if said.is_bare else {"code": said.code, "msg": MESSAGES[said.code]}
    subs = {"sub_code": said.sub_code, "sub_msg": said.sub_msg} if said.sub_code else {}
    text = json.dumps({**codes, **subs, **said.fields}, ensure_ascii=False, separators=(",", ":"))
    return text.replace("/", "\\/")


def error_page(said: Said) -> Reply:
    """What a browser sees of a page method's error: HTML in GBK."""
    words = f"{said.sub_code}：{said.sub_msg}".replace("<", "&lt;")
    head = "<head><meta charset='gbk'><title>支付宝</title></head>"
    page = f"<!DOCTYPE html><html>{head}<body><h3>错误</h3><p>{words}</p></body></html>"
    return Reply(200, {"content-type": "text/html;charset=GBK"}, page.encode("gbk", "replace"))
