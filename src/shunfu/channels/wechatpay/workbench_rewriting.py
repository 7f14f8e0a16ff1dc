"""The message as it may have been signed instead, tried in turn: other bodies, addresses, methods, line ends, packages.

Must not know: keys, sentences. Each comes as its cause, what about it, and the bytes that would have been signed.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias, cast
from urllib.parse import quote, unquote, unquote_plus

from shunfu.channels.wechatpay.workbench_input import Parts

Rewriting: TypeAlias = tuple[str, str, bytes]
_HOST = "api.mch.weixin.qq.com"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MAX_REWRITTEN = 1 << 16
_NUMBER = re.compile(r'"@number:([0-9.eE+-]+)@"')
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")
_HTML = {"\\u003c": "<", "\\u003e": ">", "\\u0026": "&", "\\u0027": "'", "\\u003d": "="}
_SPACINGS: tuple[tuple[str, str | int | None, tuple[str, str]], ...] = (
    ("compact", None, (",", ":")),
    ("spaced", None, (", ", ": ")),
    ("indent 2", 2, (",", ": ")),
    ("indent 4", 4, (",", ": ")),
    ("tabs", "\t", (",", ": ")),
)


def rewritten(parts: Parts) -> Iterator[Rewriting]:
    """Every rewriting that is often met, the likeliest first."""
    if parts.kind == "client":
        yield from _other_packages(parts)
    else:
        yield from _other_bodies(parts)
    if parts.kind == "request":
        yield from _other_addresses(parts)
        yield from _other_methods(parts)
    yield "swapped", "", joined(replace(parts, timestamp=parts.nonce, nonce=parts.timestamp)).encode()
    text = joined(parts)
    yield "last_line_feed", "", text[:-1].encode()
    crlf = "".join(f"{line}\r\n" for line in parts.lines)
    for other in (crlf, crlf[:-2], text.replace("\n", "\r\n"), text[:-1] + "\r\n"):
        yield "line_ends_signed", "CRLF", other.encode()


def joined(parts: Parts) -> str:
    """The exact text that is signed: the lines, each ended by a line feed."""
    return "".join(f"{line}\n" for line in parts.lines)


def is_json(body: str) -> bool:
    """Whether this looks like a JSON object or list, or like the beginning of one that was cut off."""
    return body.lstrip("\ufeff \t\r\n")[:1] in {"{", "["}


def _other_bodies(parts: Parts) -> Iterator[Rewriting]:
    body = parts.body
    for cause, what, other in (*_line_ends(body), *_escapes(body), *_unwrapped(body)):
        if other != body:
            yield cause, what, joined(replace(parts, body=other)).encode("utf-8", "replace")
    if len(body) <= _MAX_REWRITTEN:
        for what, other in _serialised(body):
            yield "reserialised", what, joined(replace(parts, body=other)).encode("utf-8", "replace")
    yield from _charsets(parts)


def _line_ends(body: str) -> Iterator[tuple[str, str, str]]:
    bare = body.replace("\r\n", "\n")
    yield "line_ends", "CRLF -> LF", bare.replace("\n", "\r\n")
    yield "line_ends", "LF -> CRLF", bare
    yield "line_ends", "+ LF", body.removesuffix("\n")
    yield "line_ends", "- LF", f"{body}\n"
    yield "line_ends", "- CRLF", f"{body}\r\n"
    yield "line_ends", "trim", body.strip()
    yield "line_ends", "trim", f"{body} "
    yield "line_ends", "BOM", f"\ufeff{body}"
    yield "line_ends", "BOM", body.removeprefix("\ufeff")


def _escapes(body: str) -> Iterator[tuple[str, str, str]]:
    """The same JSON with other escapes and all else as it is."""
    yield "reserialised", "\\/ -> /", body.replace("/", "\\/")
    yield "reserialised", "/ -> \\/", body.replace("\\/", "/")
    yield "reserialised", "\\u003c -> <", _html_escaped(body)
    yield "reserialised", "< -> \\u003c", _ESCAPE.sub(_html_plain, body)
    yield "reserialised", "\\uABCD -> \\uabcd", _upper(body)
    yield "reserialised", "\\uabcd -> \\uABCD", _ESCAPE.sub(lambda one: one[0].lower(), body)


def _unwrapped(body: str) -> Iterator[tuple[str, str, str]]:
    """A body that was wrapped on the way: as a JSON text, in HTML entities, or percent-encoded."""
    if body.startswith('"'):
        value = _parsed(body)
        yield "reserialised", "JSON in JSON", value if isinstance(value, str) else body
    if "&" in body:
        yield "reserialised", "HTML entities", html.unescape(body)
    if "%" in body or "+" in body:
        yield "double_decoding", "encoded", unquote(body)
        yield "double_decoding", "encoded", unquote_plus(body)


def _serialised(body: str) -> Iterator[tuple[str, str]]:
    """The JSON as the usual libraries write it; numbers as they are here, and as Python and money are written."""
    plain = _parsed(body, is_exact=True)
    if not isinstance(plain, dict | list):
        return
    value = cast("object", plain)
    for is_sorted in (False, True):
        for is_ascii in (False, True):
            for what, indent, separators in _SPACINGS:
                words = " ".join([what, *(["sorted"] if is_sorted else []), *(["escaped"] if is_ascii else [])])
                text = json.dumps(
                    value, ensure_ascii=is_ascii, indent=indent, separators=separators, sort_keys=is_sorted
                )
                for number in _numbers(text):
                    yield from ((words, one) for one in _spelled(number))


def _numbers(text: str) -> Iterator[str]:
    exact = _NUMBER.sub(lambda one: one[1], text)
    yield exact
    if exact != text:
        yield _NUMBER.sub(lambda one: repr(float(one[1])), text)
        yield _NUMBER.sub(lambda one: f"{float(one[1]):.2f}", text)


def _spelled(text: str) -> Iterator[str]:
    """One text with the escapes of PHP, Go and others, and with CRLF where it has lines."""
    seen: set[str] = set()
    for slashed in (text, text.replace("/", "\\/")):
        for escaped in (slashed, _html_escaped(slashed)):
            for cased in (escaped, _upper(escaped)):
                seen |= {cased, cased.replace("\n", "\r\n")}
    yield from sorted(seen)


def _charsets(parts: Parts) -> Iterator[Rewriting]:
    """A body whose bytes were read in another character set than UTF-8, or were signed in one."""
    if parts.body.isascii():
        return
    for charset in ("latin-1", "cp1252", "gbk"):
        try:
            other = parts.body.encode(charset).decode("utf-8")
        except UnicodeError:
            continue
        yield "charset", f"UTF-8 -> {charset}", joined(replace(parts, body=other)).encode()
    for charset in ("gbk", "utf-16-le", "utf-16"):
        head = joined(replace(parts, body=""))[:-1].encode()
        yield "charset", charset, head + parts.body.encode(charset, "replace") + b"\n"


def _other_addresses(parts: Parts) -> Iterator[Rewriting]:
    target = parts.target
    once = unquote(target)
    others = (
        ("double_decoding", "decoded", once),
        ("double_decoding", "decoded twice", unquote(once)),
        ("double_decoding", "encoded", quote(target, safe="/?&=%")),
        ("double_decoding", "encoded", quote(target, safe="/?&=%+")),
        ("double_decoding", "decoded twice", target.replace("%", "%25")),
        ("double_decoding", "encoded twice", quote(target, safe="/?&=")),
        ("double_decoding", "+ for %20", target.replace("+", "%20")),
        ("double_decoding", "%20 for +", target.replace("%20", "+")),
        ("double_decoding", "case", re.sub("%[0-9a-fA-F]{2}", lambda one: one[0].upper(), target)),
        ("double_decoding", "case", re.sub("%[0-9a-fA-F]{2}", lambda one: one[0].lower(), target)),
        ("url_host", "", parts.url),
        *(("url_host", "", f"{head}{target}") for head in (f"https://{_HOST}", f"http://{_HOST}", _HOST)),
        ("url_host", "", target.removeprefix("/")),
        ("url_host", "", f"/{target}"),
        ("url_query", "", target.partition("?")[0]),
    )
    for cause, what, other in others:
        if other != target:
            yield cause, what, _with_line(parts.lines, 1, other)


def _other_methods(parts: Parts) -> Iterator[Rewriting]:
    for method in dict.fromkeys((parts.method, parts.method.lower(), *_METHODS, *map(str.lower, _METHODS))):
        if method != parts.lines[0]:
            yield "method", method, _with_line(parts.lines, 0, method)
    if parts.body:
        yield "body_left_out", "", joined(replace(parts, body="")).encode()


def _other_packages(parts: Parts) -> Iterator[Rewriting]:
    fourth = parts.package or parts.prepay_id
    bare = fourth.removeprefix("prepay_id=")
    others = {bare, f"prepay_id={bare}", parts.prepay_id, f"prepay_id={parts.prepay_id}", "Sign=WXPay"}
    for other in sorted(others - {fourth}):
        yield "package", "", _with_line(parts.lines, 3, other)


def _with_line(lines: tuple[str, ...], index: int, other: str) -> bytes:
    changed = (*lines[:index], other, *lines[index + 1 :])
    return "".join(f"{line}\n" for line in changed).encode("utf-8", "replace")


def _parsed(text: str, *, is_exact: bool = False) -> object:
    """The JSON's value or None; exact numbers are kept as texts that `_NUMBER` finds again."""
    try:
        return cast("object", json.loads(text, parse_float=(lambda one: f"@number:{one}@") if is_exact else None))
    except (ValueError, RecursionError):
        return None


def _html_escaped(text: str) -> str:
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _html_plain(one: re.Match[str]) -> str:
    return _HTML.get(one[0].lower(), one[0])


def _upper(text: str) -> str:
    return _ESCAPE.sub(lambda one: f"\\u{one[0][2:].upper()}", text)
