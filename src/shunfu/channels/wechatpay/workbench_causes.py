"""Why a signature does not hold: the message as it may have been signed, tried in turn, and sentences for each cause.

Must not know: files, where a message came from. The list is what people ask in the trackers of WeChat Pay's clients.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast
from urllib.parse import quote, unquote

from shunfu.channels.wechatpay.workbench_input import Parts

CAUSES: Mapping[str, tuple[str, str]] = {
    "member_missing": (
        "输入缺少 {what}，或它不是文本。请按原样给出。",
        "The member {what} is missing or is not a text. Give it exactly as it is on the wire.",
    ),
    "key_missing": (
        "没有可用的密钥。签名要商户API私钥；验签要 key，或 keys 中与 serial 同名的密钥。",
        (
            "There is no key. Signing takes the merchant's private key; verifying takes `key`, or `keys` with "
            "one named as the serial."
        ),
    ),
    "key_broken": (
        "{what} 不是 RSA 密钥或证书。请检查是否完整复制（PEM 或不带头尾的 base64）。",
        "{what} is no RSA key or certificate. Check that it was copied whole (PEM, or base64 without armour).",
    ),
    "key_public": (
        "签名需要私钥，而给出的是公钥或证书。请用 apiclient_key.pem。",
        "Signing needs a private key, and this is a public key or a certificate. Use apiclient_key.pem.",
    ),
    "serial_unknown": (
        "序列号 {what} 没有对应的密钥。平台证书可能已轮换：请下载新证书，或补充微信支付公钥。",
        (
            "There is no key for serial {what}. The platform certificate may have been rotated: download the new "
            "one, or add the WeChat Pay public key."
        ),
    ),
    "serial_other_kind": (
        "报文由 {what} 签名，而手上只有另一种密钥（平台证书与微信支付公钥不同）。切换期间两种都要配置。",
        (
            "The message is signed by {what}, and only the other kind of key is at hand (platform certificate or "
            "WeChat Pay public key). Configure both during the switch."
        ),
    ),
    "timestamp": (
        ("签名正确，但时间戳与当前时间相差 {what} 秒，超过 300 秒。请校准服务器时间（NTP），或这是重放的旧报文。"),
        (
            "The signature holds, but its timestamp is {what} seconds from now, more than 300. Set the server's "
            "clock by NTP; or this is an old message replayed."
        ),
    ),
    "probe": (
        ("这是微信支付的签名探测（WECHATPAY/SIGNTEST/）。验签失败是正确的：应答失败状态码，等待正确签名的重发。"),
        (
            "This is WeChat Pay's probe (WECHATPAY/SIGNTEST/). To fail is right: answer with a failure status "
            "and wait for the genuine message."
        ),
    ),
    "signature_escaped": (
        "签名值在传输中被改写（URL 编码，或 + 变成空格）。请使用请求头的原始值。",
        (
            "The signature was rewritten on the way (percent-encoded, or its + became blanks). Use the header's "
            "raw value."
        ),
    ),
    "signature_not_base64": (
        "签名值不是 base64。请检查是否被截断或夹带换行。",
        "The signature is not base64. Check whether it was cut off or has line breaks in it.",
    ),
    "reserialised": (
        "报文体被重新序列化过（{what}）。请用收到或发出的原始字节签名和验签，不要先解析再转回 JSON。",
        (
            "The body was serialised again ({what}). Sign and verify the exact bytes received or sent; never "
            "parse and write the JSON anew."
        ),
    ),
    "line_ends": (
        "报文体的换行被改写（{what}）。请按原始字节读取，不要转换换行或去除首尾空白。",
        ("The line ends of the body were changed ({what}). Read raw bytes; do not convert line ends or strip blanks."),
    ),
    "double_decoding": (
        "URL 的编码与实际发送的不一致（{what}）。签名串要用实际发送的、未解码的路径和查询串。",
        ("The address is not encoded as it was sent ({what}). Sign path and query exactly as sent, not decoded."),
    ),
    "url_host": (
        "签名串里用了带域名的完整 URL。只签路径和查询串，以 / 开头。",
        "The whole URL with its host was signed. Sign only path and query, beginning with a slash.",
    ),
    "url_query": (
        "签名串里缺少查询串。GET 请求的 ?参数 也要参与签名。",
        "The query was left out. What follows the question mark is signed too.",
    ),
    "swapped": (
        "时间戳和随机串的顺序颠倒了。顺序是时间戳在前，随机串在后。",
        "Timestamp and nonce are swapped. The timestamp comes first, then the nonce.",
    ),
    "last_line_feed": (
        "签名串最后一行少了换行符。每一行都以 \\n 结束，包括最后一行。",
        ("The last line lacks its line feed. Every line ends with one, the last too, also when the body is empty."),
    ),
    "method": (
        "签名串里的请求方法不是大写。",
        "The method was not signed in capital letters.",
    ),
    "body_left_out": (
        "签名时没有带上报文体。请把实际发送的报文体放在最后一行。",
        "The body was left out when signing. Put the exact body that is sent into the last line.",
    ),
    "package": (
        "第四行不对：小程序和 JSAPI 签 prepay_id=wx…，App 签不带前缀的 prepay_id。",
        "The fourth line is wrong: mini-programs and JSAPI sign prepay_id=wx…, apps sign the bare prepay_id.",
    ),
    "other_key": (
        (
            "签名与密钥 {what} 相符，与所用密钥不符。验微信支付的签名用其公钥或平台证书，而非商户证书；请按 seria"
            "l 选择。"
        ),
        (
            "The signature holds with the key {what}, not with the one used. WeChat Pay's signatures are "
            "verified with its public key or platform certificate, never with the merchant's; choose by the "
            "serial."
        ),
    ),
    "merchant_key": (
        "用商户私钥验微信支付的签名必然失败。请用微信支付公钥（PUB_KEY_ID_ 对应）或平台证书。",
        (
            "A merchant's private key never verifies what WeChat Pay signed. Use the WeChat Pay public key (the "
            "one of the PUB_KEY_ID_) or the platform certificate."
        ),
    ),
    "no_match": (
        "签名不符，且常见改写都不相符。请核对密钥是否属于此商户与此环境，以及各部分是否为同一条报文的原始值。",
        (
            "The signature does not match, nor with any common rewriting. Check that the key is this merchant's "
            "in this environment, and that all parts are the raw values of one message."
        ),
    ),
    "api_v3_key": (
        "api_v3_key 必须正好是 32 个 ASCII 字符。它不是 APIv2 密钥，也不是 AppSecret。",
        "api_v3_key must be exactly 32 ASCII characters. It is neither the APIv2 key nor the AppSecret.",
    ),
    "nothing_sealed": (
        ("没有找到密文：请在 body 中给出含 resource 的通知、证书应答，或在 ciphertext 给出敏感字段并附商户私钥。"),
        (
            "There is nothing to decrypt: give a notification with its resource or the certificates reply as "
            "`body`, or a sensitive field as `ciphertext` with the merchant's private key."
        ),
    ),
    "not_opened": (
        ("解密失败：api_v3_key 与加密时的不一致（后台重置后旧值失效），或 nonce、associated_data、ciphertext 被改动。"),
        (
            "It does not decrypt: the api_v3_key is not the one that sealed it (a reset in the console ends the "
            "old one), or nonce, associated_data or ciphertext was changed."
        ),
    ),
    "field_not_opened": (
        "敏感字段解密失败：应答中的敏感字段用商户API证书加密，请使用对应的商户私钥（RSA-OAEP，SHA-1）。",
        (
            "The sensitive field does not decrypt: replies encrypt for the merchant's certificate, so use its "
            "private key (RSA-OAEP, SHA-1)."
        ),
    ),
}


def reason_of(cause: str, what: str = "") -> dict[str, str]:
    """The cause as a sentence by language."""
    zh, en = CAUSES[cause]
    return {"zh-CN": zh.replace("{what}", what), "en": en.replace("{what}", what)}


def rewritten(parts: Parts) -> Iterator[tuple[str, str, str]]:
    """The text as it may have been signed instead: cause, what about it, text."""
    if parts.kind == "client":
        yield from _other_packages(parts)
    else:
        yield from _other_bodies(parts)
    if parts.kind == "request":
        yield from _other_addresses(parts)
    yield "swapped", "", joined(replace(parts, timestamp=parts.nonce, nonce=parts.timestamp))
    yield "last_line_feed", "", joined(parts)[:-1]


def joined(parts: Parts) -> str:
    """The exact text that is signed: the lines, each ended by a line feed."""
    return "".join(f"{line}\n" for line in parts.lines)


def _other_bodies(parts: Parts) -> Iterator[tuple[str, str, str]]:
    body = parts.body
    for cause, what, other in (*_line_ends(body), *_serialised(body)):
        if other != body:
            yield cause, what, joined(replace(parts, body=other))


def _serialised(body: str) -> Iterator[tuple[str, str, str]]:
    try:
        value = cast("object", json.loads(body))
    except (ValueError, RecursionError):
        return
    for is_sorted in (False, True):
        for is_escaped in (False, True):
            for what, separators in (("compact", (",", ":")), ("spaced", (", ", ": "))):
                words = [what, *(["sorted"] if is_sorted else []), *(["escaped"] if is_escaped else [])]
                text = json.dumps(value, ensure_ascii=is_escaped, separators=separators, sort_keys=is_sorted)
                yield "reserialised", " ".join(words), text
    for indent in (2, 4):
        yield "reserialised", f"indent {indent}", json.dumps(value, ensure_ascii=False, indent=indent)


def _line_ends(body: str) -> Iterator[tuple[str, str, str]]:
    bare = body.replace("\r\n", "\n")
    yield "line_ends", "CRLF -> LF", bare.replace("\n", "\r\n")
    yield "line_ends", "LF -> CRLF", bare
    yield "line_ends", "+ LF", body.removesuffix("\n")
    yield "line_ends", "- LF", f"{body}\n"
    yield "line_ends", "- CRLF", f"{body}\r\n"
    yield "line_ends", "trim", body.strip()
    yield "line_ends", "BOM", f"\ufeff{body}"
    yield "line_ends", "BOM", body.removeprefix("\ufeff")


def _other_addresses(parts: Parts) -> Iterator[tuple[str, str, str]]:
    target = parts.target
    lines = parts.lines
    once = unquote(target)
    others = (
        ("double_decoding", "decoded", once),
        ("double_decoding", "decoded twice", unquote(once)),
        ("double_decoding", "encoded", quote(target, safe="/?&=%")),
        ("double_decoding", "encoded twice", quote(target, safe="/?&=")),
        ("url_host", "", parts.url),
        ("url_query", "", target.partition("?")[0]),
    )
    for cause, what, other in others:
        if other != target:
            yield cause, what, _with_line(lines, 1, other)
    yield "method", "", _with_line(lines, 0, parts.method.lower())
    if parts.body:
        yield "body_left_out", "", joined(replace(parts, body=""))


def _other_packages(parts: Parts) -> Iterator[tuple[str, str, str]]:
    fourth = parts.package or parts.prepay_id
    bare = fourth.removeprefix("prepay_id=")
    other = f"prepay_id={bare}" if fourth == bare else bare
    yield "package", "", _with_line(parts.lines, 3, other)


def _with_line(lines: tuple[str, ...], index: int, other: str) -> str:
    changed = (*lines[:index], other, *lines[index + 1 :])
    return "".join(f"{line}\n" for line in changed)
