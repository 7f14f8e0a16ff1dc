"""The likeliest cause is named also where the signed text cannot be rebuilt: the key opens a signature all the same."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shunfu.channels.wechatpay import CHANNEL
from shunfu.channels.wechatpay.tests.rig import keys
from shunfu.channels.wechatpay.tests.test_vectors import MERCHANT_PRIVATE_KEY, WECHATPAY_PUBLIC_KEY, merchant_key
from shunfu.channels.wechatpay.workbench_causes import CAUSES
from shunfu.gateway.workbench import Worked

BENCH = CHANNEL.workbench
TIME, NONCE = "1764000000", "593BEC0C930BF1AFEB40B4A08C8FB242"
VALUE: dict[str, object] = {"b": "咖啡/茶", "a": 1, "c": {"z": 1.5, "y": []}, "html": "<&>"}
COMPACT = json.dumps(VALUE, ensure_ascii=False, separators=(",", ":"))
ASCII = json.dumps(VALUE, separators=(",", ":"))
PRETTY = json.dumps(VALUE, ensure_ascii=False, indent=2)


def sign_bytes(text: bytes) -> str:
    return b64encode(merchant_key().sign(text, PKCS1v15(), SHA256())).decode()


def notified(signed: str | bytes, received: str, **changes: object) -> Worked:
    """What the workbench says of a notification whose body was signed so and is received so."""
    body = signed if isinstance(signed, bytes) else signed.encode()
    signature = sign_bytes(f"{TIME}\n{NONCE}\n".encode() + body + b"\n")
    key = {"key": other_public_key()} if changes.pop("wrong_key", False) else {"key": public_key()}
    source = {"kind": "notification", "timestamp": TIME, "nonce": NONCE, "body": received, "signature": signature}
    return BENCH.verify({**source, **key, **changes})


def public_key() -> str:
    return merchant_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def other_public_key() -> str:
    return keys().material.public_key


def asked(target: str, url: str, **changes: object) -> Worked:
    """What the workbench says of a GET whose signed target is this and whose address is that."""
    method = changes.pop("signed_method", "GET")
    source = {"kind": "request", "method": "GET", "url": url, "timestamp": TIME, "nonce": NONCE}
    signature = sign_bytes(f"{method}\n{target}\n{TIME}\n{NONCE}\n\n".encode())
    return BENCH.verify({**source, "signature": signature, "key": MERCHANT_PRIVATE_KEY, **changes})


def english(worked: Worked) -> str:
    return (worked.reason or {})["en"]


RESERIALISED = {
    "sorted by the receiver": (COMPACT, json.dumps(VALUE, ensure_ascii=False, sort_keys=True)),
    "slash escape lost": (COMPACT.replace("/", "\\/"), COMPACT),
    "slash escape gained": (COMPACT, COMPACT.replace("/", "\\/")),
    "number": ('{"a":1.10}', '{"a":1.1}'),
    "exponent": ('{"a":1e3, "b":2}', '{"a":1e3,"b":2}'),
    "irregular spacing": ('{ "a" : 1 ,"b":2 }', '{"a":1,"b":2}'),
    "html escape lost": ('{"a":"\\u003c\\u0026\\u003e"}', '{"a":"<&>"}'),
    "html escape gained": ('{"a":"<&>"}', '{"a":"\\u003c\\u0026\\u003e"}'),
    "upper-case escape": ('{"a":"\\u5C31\\uABCD"}', json.dumps({"a": "\u5c31\uabcd"})),
    "upper-case escape lost": ('{"a":"\\u5C31\\uABCD"}', '{"a":"\u5c31\uabcd"}'),
    "pretty CRLF": (PRETTY.replace("\n", "\r\n"), COMPACT),
    "pretty CRLF by hand": ('{\r\n"a":1\r\n}', '{"a":1}'),
    "pretty tab": (json.dumps(VALUE, indent="\t"), COMPACT),
    "quoted whole": (COMPACT, json.dumps(COMPACT)),
    "html entities": (COMPACT, COMPACT.replace('"', "&quot;")),
}


@pytest.mark.parametrize("name", RESERIALISED)
def test_reserialised_body_is_named(name: str) -> None:
    found = notified(*RESERIALISED[name])
    assert (found.valid, found.failed_step) == (False, "signature")
    assert "re-serialised" in english(found)
    assert "wrong key" not in english(found)
    assert "重新序列化" in (found.reason or {})["zh-CN"]


REBUILT = ["slash escape lost", "html escape lost", "upper-case escape", "pretty CRLF", "pretty tab", "number"]


@pytest.mark.parametrize("name", REBUILT)
def test_usual_writers_are_rebuilt_exactly(name: str) -> None:
    assert notified(*RESERIALISED[name]).fields["cause"] == "reserialised"


def test_other_text_is_told_from_wrong_key() -> None:
    assert notified(COMPACT, '{"amount":2}').fields["cause"] == "other_json"
    assert "right key" in english(notified(COMPACT, '{"amount":2}'))
    assert notified("a", "b").fields["cause"] == "other_text"
    wrong = notified(COMPACT, '{"amount":2}', wrong_key=True)
    assert wrong.fields["cause"] == "wrong_key"
    assert "wrong key" in english(wrong).lower()
    assert notified(COMPACT, COMPACT, wrong_key=True).fields["cause"] == "wrong_key"


def test_key_that_signed_is_found_among_several() -> None:
    serials = {"PUB_KEY_ID_1": other_public_key(), "4A": public_key()}
    found = notified(COMPACT, "{}", key=None, keys=serials, serial="PUB_KEY_ID_1")
    assert (found.fields["cause"], found.fields["about"]) == ("other_key", "4A")
    assert "wrong key" in english(found).lower()


def test_charsets_are_named() -> None:
    utf8 = COMPACT.encode()
    cases = [(COMPACT, utf8.decode("latin-1")), (COMPACT.encode("gbk"), COMPACT),
             (COMPACT, COMPACT.replace("咖啡", "\ufffd\ufffd")),
             ("“好”", "“好”".encode().decode("cp1252", "replace"))]  # fmt: skip
    for signed, received in cases:
        found = notified(signed, received)
        assert found.fields["cause"] == "charset", received
        assert "UTF-8" in english(found)


def test_line_ends_of_the_text_are_named() -> None:
    crlf = f"{TIME}\r\n{NONCE}\r\n{COMPACT}\r\n".encode()
    found = notified(COMPACT, COMPACT, signature=sign_bytes(crlf))
    assert found.fields["cause"] == "line_ends_signed"
    assert "CRLF" in english(found)
    bare = notified(COMPACT, COMPACT, signature=sign_bytes(crlf[:-2]))
    assert bare.fields["cause"] == "line_ends_signed"
    assert "CRLF" in english(notified('{"a":1}\r\n', '{"a":1}'))


def test_percent_encoded_body_is_named() -> None:
    assert notified(COMPACT, quote(COMPACT)).fields["cause"] == "double_decoding"


ADDRESSES: list[tuple[str, str, str]] = [
    ("/v3/x", "/v3/x?mchid=1", "url_query"),
    ("/v3/x?mchid=1", "/v3/x", "query_lost"),
    ("https://api.mch.weixin.qq.com/v3/x", "/v3/x", "url_host"),
    ("api.mch.weixin.qq.com/v3/x", "https://api.mch.weixin.qq.com/v3/x", "url_host"),
    ("v3/x", "/v3/x", "url_host"),
    ("/v3/x?a=%20b", "/v3/x?a=+b", "double_decoding"),
    ("/v3/x?a=%25E4", "/v3/x?a=%E4", "double_decoding"),
    ("/v3/x?a=%E4%B8%AD%2B", "/v3/x?a=中+", "double_decoding"),
    ("/v3/x?a=%E4%B8%AD", "/v3/x?a=%e4%b8%ad", "double_decoding"),
]


@pytest.mark.parametrize(("target", "url", "expected"), ADDRESSES)
def test_each_address_is_named(target: str, url: str, expected: str) -> None:
    assert asked(target, url).fields["cause"] == expected


def test_address_decoded_twice_says_so() -> None:
    assert "decoded twice" in english(asked("/v3/x?a=%25E4", "/v3/x?a=%E4"))


@pytest.mark.parametrize("method", ["POST", "get", "PATCH"])
def test_other_method_is_named(method: str) -> None:
    found = asked("/v3/x", "/v3/x", signed_method=method)
    assert (found.fields["cause"], found.fields["about"]) == ("method", method)
    assert method in english(found)


def test_request_with_other_text_lists_what_to_compare() -> None:
    found = asked("/v3/other?b=1", "/v3/x?a=1")
    assert found.fields["cause"] == "other_request"
    assert "query" in english(found)


def test_query_lost_from_a_request_with_a_body_is_mentioned() -> None:
    signature = sign_bytes(f"POST\n/v3/x?a=1\n{TIME}\n{NONCE}\n{COMPACT}\n".encode())
    found = asked("", "/v3/x", method="POST", body=COMPACT, signature=signature)
    assert found.fields["cause"] == "other_json"
    assert "query" in english(found)


def test_crlf_stripped_from_json_is_mentioned() -> None:
    assert "CRLF" in english(notified('{\r\n"a":1\r\n}', '{"a":1}'))


def test_hostile_bodies_are_only_compared() -> None:
    for body in (
        "[" * 100_000,
        '{"a":' + "1" * 10_000 + "}",
        '{"a":NaN}',
        '"\\ud800"',
        '{"a":1e99999}',
        "%ff",
        "&#1114112;",
    ):
        assert notified(COMPACT, body).valid is False
    big = json.dumps([{"a": "<x>/1", "b": 1.5}] * 20_000)
    for size in (60_000, len(big)):
        assert notified(COMPACT, big[:size]).fields["cause"] == "other_json"
    assert notified(COMPACT, json.dumps(json.loads(big)[:2_000])).fields["cause"] == "other_json"


def test_reasons_have_the_words_that_people_search() -> None:
    words = {"reserialised": "re-serialised", "line_ends": "CRLF", "double_decoding": "decoded twice",
             "wrong_key": "wrong key", "other_key": "wrong key", "merchant_key": "wrong key",
             "timestamp": "clock"}  # fmt: skip
    for name, word in words.items():
        assert word in CAUSES[name][1].lower().replace("crlf", "CRLF"), name


def test_a_private_key_in_place_of_wechat_pays_is_named() -> None:
    found = notified(COMPACT, COMPACT, key=keys().material.merchant_private_key)
    assert found.fields["cause"] == "merchant_key"
    assert WECHATPAY_PUBLIC_KEY not in repr(found)
