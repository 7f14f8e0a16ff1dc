"""The REST protocol (v3) on the wire, read with the sandbox's own short understanding. Must not know: trades."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from shunfu.channels.alipay.sandbox.asked import Said
from shunfu.channels.alipay.sandbox.keys import parse_keys
from shunfu.channels.alipay.sandbox.state import Material
from shunfu.channels.alipay.sandbox.wire import app_key, header, is_by, seal, signature_of, spoil, unseal
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.reading import JsonObject, parse_object
from shunfu.gateway.sandbox.values import At, Call

SCHEME = "ALIPAY-SHA256withRSA "
WINDOW_MS = 600_000

_STATUSES = {"20000": 500, "20001": 401, "40005": 429, "40006": 401}
_STAMP = re.compile(r"[0-9]{13}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entered:
    """A REST call that was let in."""

    method: str
    app_id: str
    content: JsonObject = field(repr=False)
    is_encrypted: bool


def enter(material: Material, request: Request, at: At) -> Entered | Said:
    """The call, or why it is not let in. What is signed is the text of the header up to the last `,sign=`."""
    kind = header(request, "content-type").lower()
    text, _, signature = header(request, "authorization").removeprefix(SCHEME).rpartition(",sign=")
    pairs = [part.partition("=") for part in text.split(",")]
    auth = {name: value for name, _, value in pairs}
    wrong = _wrong_auth(material, auth, request, at)
    if wrong:
        return wrong
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if kind.startswith("multipart/"):
        return _wrong("method", "本沙箱不支持文件上传接口")
    lines = f"{text}\n{request.method}\n{target}\n".encode() + request.body + b"\n"
    token = header(request, "alipay-app-auth-token")
    lines += f"{token}\n".encode() if token else b""
    if not is_by(app_key(material, auth["app_id"]), lines, signature):
        return _wrong(
            "signature", "验签出错，请确认charset参数放在了URL查询字符串中且各参数值使用charset参数指示的字符集编码"
        )
    is_encrypted = header(request, "alipay-encrypt-type").upper() == "AES"
    content = _content(material, request, is_encrypted=is_encrypted)
    method = parts.path.removeprefix("/v3/").replace("/", ".")
    return content if isinstance(content, Said) else Entered(method, auth["app_id"], content, is_encrypted)


def _wrong_auth(material: Material, auth: dict[str, str], request: Request, at: At) -> Said | None:
    stamp = auth.get("timestamp", "")
    if _STAMP.fullmatch(stamp) is None:
        return Said(code="40001", sub_code="isv.missing-timestamp", sub_msg="缺少时间戳参数")
    if auth.get("app_id") not in {material.app_id, material.app_id_cert}:
        return _wrong("app-id", "无效的AppID参数")
    if abs(at.now.timestamp() * 1000 - int(stamp)) > WINDOW_MS:
        return _wrong("timestamp", "非法的时间戳参数")
    keys, given = parse_keys(material), (auth.get("app_cert_sn", ""), header(request, "alipay-root-cert-sn"))
    if auth["app_id"] == material.app_id:
        return _wrong("app-cert-sn", "应用未配置公钥证书") if any(given) else None
    is_right = given == (keys.app_cert_sn, keys.root_cert_sn)
    return None if is_right else _wrong("app-cert-sn", "应用公钥证书SN或支付宝根证书SN无效")


def _wrong(word: str, sub_msg: str) -> Said:
    return Said(code="40002", sub_code=f"isv.invalid-{word}", sub_msg=sub_msg)


def _content(material: Material, request: Request, *, is_encrypted: bool) -> JsonObject | Said:
    query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True, max_num_fields=200))
    text: str | None = request.body.decode("utf-8", "replace")
    if is_encrypted and text:
        text = unseal(material, text)
        if text is None:
            return _wrong("encrypt", "解密出错, 请检查加密算法和密钥")
    body = parse_object(text.encode() if text else b"{}")
    if body is None:
        return Said(code="40002", sub_code="isv.illegal-json", sub_msg="请求体不是合法的JSON")
    return {**query, **body}


def dress(material: Material, said: Said, entered: Entered | None, call: Call) -> Reply:
    """A success signed in headers over its exact body; an error by its status, unsigned, with where to read of it."""
    at, is_spoilt = call.at, call.twist in {"reply_signtest", "reply_bad_signature"}
    trace = at.draw("trace").hex()
    headers = {"content-type": "application/json;charset=utf-8", "alipay-trace-id": trace}
    if said.sub_code or entered is None:
        return _error(said, headers)
    body = json.dumps(said.fields, ensure_ascii=False, separators=(",", ":"))
    if entered.is_encrypted:
        body, headers["content-type"] = seal(material, body), "text/plain;charset=utf-8"
    stamp, nonce = str(int(at.now.timestamp() * 1000)), at.draw("nonce").hex()[:32]
    signature = signature_of(parse_keys(material).alipay, f"{stamp}\n{nonce}\n{body}\n".encode())
    headers |= {"alipay-timestamp": stamp, "alipay-nonce": nonce}
    headers["alipay-signature"] = spoil(signature) if is_spoilt else signature
    if entered.app_id == material.app_id_cert:
        headers["alipay-sn"] = parse_keys(material).alipay_cert_sn
    return Reply(200, headers, body.encode())


def _error(said: Said, headers: dict[str, str]) -> Reply:
    code = re.sub(r"^(isv|isp|aop)\.", "", said.sub_code)
    link = f"https://open.alipay.com/api/errCheck?traceId={headers['alipay-trace-id'][:32]}"
    body = {"code": code, "message": said.sub_msg, "links": [{"link": link, "desc": "解决方案"}]}
    status = _STATUSES.get(said.code, 400)
    return Reply(status, headers, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
