"""The sentences that clients get: both languages have the same ones with the same places, in the same calm tone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

import shunfu
from shunfu.checkout.kit import client_texts
from shunfu.gateway.evidence import RefusedReason

FOLDER = Path(shunfu.__file__).parent / "checkout" / "texts"
OWN = {name: json.loads((FOLDER / f"client.{name}.json").read_text("utf8")) for name in ("zh", "en")}
AREAS = {"checkout", "contact", "result", "refund", "help", "feedback", "safety", "consent"}


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w*\}", text))


def test_both_languages_have_the_same_keys_and_places() -> None:
    zh, en = OWN["zh"], OWN["en"]
    assert list(zh) == list(en)
    assert {key: places(text) for key, text in zh.items()} == {key: places(text) for key, text in en.items()}
    assert {key.partition(".")[0] for key in zh} == AREAS


@pytest.mark.parametrize("name", ["zh", "en"])
def test_the_tone_is_calm(name: str) -> None:
    for key, text in OWN[name].items():
        assert text.strip() == text != "", key
        assert not re.search(r"[!！您]|系统繁忙|重试|提交", text), key


def test_every_refused_reason_and_every_reason_of_a_method_is_among_them() -> None:
    for language in ("zh-CN", "en"):
        told = client_texts(language)
        for reason in get_args(RefusedReason):
            assert told[f"refused.{reason}"]
        for reason in (
            "available",
            "only_method",
            "last_used",
            "popular",
            "resume",
            "scan_with_phone",
            "other_currency",
        ):
            assert told[f"reason.{reason}"]


def test_a_clients_key_is_never_also_a_pages_key() -> None:
    shared = json.loads((FOLDER / "zh.json").read_text("utf8"))
    assert not OWN["zh"].keys() & shared.keys()


def test_the_texts_stay_small() -> None:
    """They travel with the first answer; afterwards the ETag keeps them."""
    for language in ("zh-CN", "en"):
        assert len(json.dumps(dict(client_texts(language)), ensure_ascii=False).encode()) < 10_000
