"""Template Pay's signature, step by step, and what is most likely wrong with it. Must not know: files."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

from shunfu.channels._template.codec import signature
from shunfu.gateway.workbench import Source, Worked

_WORDS = {"reply": "REPLY", "notification": "NOTIFY"}
_INPUT = {
    "zh-CN": "缺少或无法识别输入：需要 kind、timestamp、body 和 key。",
    "en": "The input is incomplete: kind, timestamp, body and key are needed.",
}
_RESERIALISED = {
    "zh-CN": "请求体被重新序列化过：请对收到的原始字节验签。",
    "en": "The body was serialised anew: verify the exact bytes that arrived.",
}
_WRONG = {
    "zh-CN": "签名与内容不符：检查密钥，以及每行末尾的换行符。",
    "en": "The signature does not match: check the key, and the line feed that ends each line.",
}
_NOTHING = {"zh-CN": "该渠道没有加密内容。", "en": "This channel encrypts nothing."}


class TemplateWorkbench:
    """Sign, verify; there is nothing to decrypt."""

    def sign(self, source: Source) -> Worked:
        """The exact text to sign and its signature."""
        lines, key = _lines(source), source.get("key")
        if lines is None or not isinstance(key, str) or not key:
            return Worked(failed_step="input", reason=_INPUT)
        text = "".join(f"{line}\n" for line in lines)
        return Worked(to_sign=text, signature=_signed(key, lines))

    def verify(self, source: Source) -> Worked:
        """Whether the signature holds; if not, whether a body written anew would."""
        worked, given = self.sign(source), source.get("signature")
        if worked.signature is None or not isinstance(given, str):
            return Worked(valid=False, failed_step="input", reason=_INPUT)
        if hmac.compare_digest(worked.signature.encode(), given.encode("utf-8", "replace")):
            return Worked(to_sign=worked.to_sign, signature=given, valid=True)
        reason = _RESERIALISED if given in _other_spellings(source) else _WRONG
        return Worked(to_sign=worked.to_sign, valid=False, failed_step="signature", reason=reason)

    def decrypt(self, source: Source) -> Worked:
        """This channel encrypts nothing."""
        return Worked(failed_step="decrypt", reason=_NOTHING)


def _lines(source: Source) -> list[str] | None:
    kind, timestamp, body = source.get("kind"), source.get("timestamp"), source.get("body")
    if not isinstance(timestamp, str) or not isinstance(body, str):
        return None
    if kind == "request":
        method, url = source.get("method"), source.get("url")
        return [method, url, timestamp, body] if isinstance(method, str) and isinstance(url, str) else None
    return [_WORDS[kind], timestamp, body] if isinstance(kind, str) and kind in _WORDS else None


def _signed(key: str, lines: list[str]) -> str:
    return signature(key.encode("utf-8", "replace"), *(line.encode("utf-8", "replace") for line in lines))


def _other_spellings(source: Source) -> set[str]:
    """The signatures of the same JSON in the ways in which libraries write it."""
    try:
        value: object = json.loads(str(source.get("body")))
    except (ValueError, RecursionError):
        return set()
    bodies = {json.dumps(value), json.dumps(value, separators=(",", ":")), json.dumps(value, sort_keys=True)}
    bodies.add(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    others: list[Mapping[str, object]] = [{**source, "body": body} for body in bodies]
    return {_signed(str(source.get("key")), lines) for other in others if (lines := _lines(other))}
