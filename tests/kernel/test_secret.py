"""A secret shows itself to nobody who does not call `reveal()`: not in text, pickle, JSON, copies or a dataclass."""

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable

import pytest

from shunfu.kernel.secret import Secret

CANARY = "canary-7f3a"


@dataclasses.dataclass(frozen=True)
class Holder:
    name: str
    key: Secret[str]


def make() -> Secret[str]:
    return Secret(CANARY)


def test_reveal_is_the_way_in() -> None:
    assert make().reveal() == CANARY
    assert Secret(b"\0\xff").reveal() == b"\0\xff"


SHOWN: dict[str, Callable[[Secret[str]], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": lambda secret: f"{secret}",
    "format with a width": lambda secret: f"{secret:>40}",
    "format with !r": lambda secret: f"{secret!r}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "str.format": "{0} {0!s} {0!a}".format,
    "in a list": lambda secret: str([secret]),
    "in a dictionary": lambda secret: repr({"key": secret}),
    "in an exception": lambda secret: "".join(traceback.format_exception_only(ValueError(secret))),
    "in a dataclass": lambda secret: repr(Holder("a", secret)),
    "pretty printed": lambda secret: pprint.pformat(Holder("a", secret)),
    "json with default=str": lambda secret: json.dumps({"key": secret}, default=str),
    "in a log record": lambda secret: logging.LogRecord("a", 20, "p", 1, "%s", (secret,), None).getMessage(),
}


@pytest.mark.parametrize("way", SHOWN)
def test_shown_as_stars(way: str) -> None:
    text = SHOWN[way](make())
    assert CANARY not in text
    assert "***" in text


REFUSED: dict[str, Callable[[Secret[str]], object]] = {
    "pickle": pickle.dumps,
    "pickle in a dataclass": lambda secret: pickle.dumps(Holder("a", secret)),
    "json": json.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "asdict": lambda secret: dataclasses.asdict(Holder("a", secret)),
    "hash": hash,
    "as a key": lambda secret: {secret: 1},
    "vars": vars,
    "iteration": list,
    "concatenation": lambda secret: "a" + secret,
}


@pytest.mark.parametrize("way", REFUSED)
def test_refused_without_telling(way: str) -> None:
    with pytest.raises(TypeError) as caught:
        REFUSED[way](make())
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_equality_tells_nothing() -> None:
    assert make() != make()
    assert make() != CANARY
