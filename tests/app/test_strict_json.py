"""One strict reading of bodies: what two parsers could read differently is refused, and the wrong place is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.app.http.strict_json import DEPTH_MAX, INT64_MAX, INT64_MIN, parse
from shunfu.kernel.errors import InvalidField, MalformedBody, Refusal

NORMAL_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(INT64_MIN, INT64_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | NORMAL_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NORMAL_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_ordinary_json_is_read_as_it_is(value: object, is_ascii: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


def nested(depth: int, inner: str = "") -> bytes:
    return ("[" * depth + inner + "]" * depth).encode()


REFUSED: list[tuple[str, bytes, type[Refusal], str, str]] = [
    ("a duplicate key", b'{"a":1,"a":2}', MalformedBody, "/a", "duplicate_key"),
    ("an equal duplicate", b'{"a":1,"a":1}', MalformedBody, "/a", "duplicate_key"),
    ("a triple key", b'{"a":1,"a":2,"a":3}', MalformedBody, "/a", "duplicate_key"),
    ("an escaped duplicate", b'{"a":1,"\\u0061":2}', MalformedBody, "/a", "duplicate_key"),
    ("a duplicate inside", b'{"items":[{"x":1},{"x":1,"x":2}]}', MalformedBody, "/items/1/x", "duplicate_key"),
    ("a pointer that needs escapes", b'{"a/b":{"m~n":1,"m~n":2}}', MalformedBody, "/a~1b/m~0n", "duplicate_key"),
    ("an empty key twice", b'{"":1,"":2}', MalformedBody, "/", "duplicate_key"),
    ("NaN", b'{"a":NaN}', MalformedBody, "", "not_json"),
    ("Infinity", b'{"a":Infinity}', MalformedBody, "", "not_json"),
    ("-Infinity", b'{"a":-Infinity}', MalformedBody, "", "not_json"),
    ("a number beyond floats", b'{"a":1e999}', InvalidField, "/a", "too_large"),
    ("a number below floats", b"[-1e999]", InvalidField, "/0", "too_small"),
    ("2^63", b'{"a":9223372036854775808}', InvalidField, "/a", "too_large"),
    ("-2^63-1", b'{"a":[0,-9223372036854775809]}', InvalidField, "/a/1", "too_small"),
    ("401 digits", b"9" * 401, MalformedBody, "", "not_json"),
    ("400 digits", b"9" * 400, InvalidField, "", "too_large"),
    ("100,000 digits", b'{"a":' + b"9" * 100_000 + b"}", MalformedBody, "", "not_json"),
    ("depth 33", nested(33), MalformedBody, "/0" * 32, "too_deep"),
    ("depth 33 and a value", nested(33, "1"), MalformedBody, "/0" * 32, "too_deep"),
    ("depth 33 of objects", b'{"a":' * 33 + b"1" + b"}" * 33, MalformedBody, "/a" * 32, "too_deep"),
    ("depth 500", nested(500), MalformedBody, "/0" * 32, "too_deep"),
    ("depth 100,000", nested(100_000), MalformedBody, "", "too_deep"),
    ("depth 100,000, open", b"[" * 100_000, MalformedBody, "", "too_deep"),
    ("depth 100,000 of objects", b'{"a":' * 100_000, MalformedBody, "", "too_deep"),
    ("a lone surrogate", b'{"a":"\\ud800"}', InvalidField, "/a", "bad_text"),
    ("surrogates in the wrong order", b'["\\udc00\\ud800"]', InvalidField, "/0", "bad_text"),
    ("a lone surrogate in a key", b'{"a":{"\\udfff":1}}', InvalidField, "/a", "bad_text"),
    ("NUL", b'{"a":"x\\u0000y"}', InvalidField, "/a", "bad_text"),
    ("NUL in a key", b'{"\\u0000":1}', InvalidField, "", "bad_text"),
    ("a raw NUL", b'{"a":"x\0y"}', MalformedBody, "", "not_json"),
    ("a raw newline in text", b'{"a":"x\ny"}', MalformedBody, "", "not_json"),
    ("a byte order mark", b"\xef\xbb\xbf{}", MalformedBody, "", "not_json"),
    ("UTF-16", "{}".encode("utf-16"), MalformedBody, "", "not_utf8"),
    ("UTF-16 without a mark", "{}".encode("utf-16-le"), MalformedBody, "", "not_json"),
    ("bad UTF-8", b'{"a":"\xff"}', MalformedBody, "", "not_utf8"),
    ("cut UTF-8", '{"a":"文"}'.encode()[:-3], MalformedBody, "", "not_utf8"),
    ("overlong UTF-8", b'{"a":"\xc0\xaf"}', MalformedBody, "", "not_utf8"),
    ("a surrogate in UTF-8", b'{"a":"\xed\xa0\x80"}', MalformedBody, "", "not_utf8"),
    ("nothing", b"", MalformedBody, "", "not_json"),
    ("blanks", b" \n\t ", MalformedBody, "", "not_json"),
    ("two values", b"{}{}", MalformedBody, "", "not_json"),
    ("something behind", b"{} x", MalformedBody, "", "not_json"),
    ("a trailing comma", b'{"a":1,}', MalformedBody, "", "not_json"),
    ("single quotes", b"{'a':1}", MalformedBody, "", "not_json"),
    ("a comment", b'{"a":1}//x', MalformedBody, "", "not_json"),
    ("a leading zero", b'{"a":01}', MalformedBody, "", "not_json"),
    ("a plus sign", b'{"a":+1}', MalformedBody, "", "not_json"),
    ("a hexadecimal number", b'{"a":0x10}', MalformedBody, "", "not_json"),
    ("full-width digits", '{"a":１００}'.encode(), MalformedBody, "", "not_json"),
]


@pytest.mark.parametrize(
    ("body", "kind", "pointer", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(body: bytes, kind: type[Refusal], pointer: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(body)
    assert type(caught.value) is kind
    assert [(error.pointer, error.code) for error in caught.value.errors] == [(pointer, code)]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"9223372036854775807", INT64_MAX),
        (b"-9223372036854775808", INT64_MIN),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'[{"x":1},{"x":1}]', [{"x": 1}, {"x": 1}]),
        (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
        (b" \r\n\t{ } ", {}),
        (b"null", None),
        (b"1.5e3", 1500.0),
    ],
)
def test_taken(body: bytes, value: object) -> None:
    assert parse(body) == value


def test_depth_32_is_taken() -> None:
    assert DEPTH_MAX == 32
    for inner in ("", "1", '"x"'):
        assert parse(nested(32, inner)) is not None


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        value = parse(body)
    except (MalformedBody, InvalidField):
        return
    assert json.loads(body.decode()) == value


@given(st.text(min_size=1, max_size=300))
def test_a_pointer_stays_short_and_printable_in_a_problem(key: str) -> None:
    name = json.dumps(key)
    with pytest.raises(Refusal) as caught:
        parse(f"{{{name}:1,{name}:2}}".encode())
    assert len(caught.value.errors[0].pointer) <= 101
