"""Texts in two languages, and clock times as they are told in China."""

from datetime import UTC, datetime, timedelta

import pytest

from shunfu.kernel.plain import NOTHING, Words, clock_words

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "zh", "en"),
    [
        (NOW, "14:30:00", "14:30:00"),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), "00:00:00", "00:00:00"),
        (datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC), "11 月 21 日 23:59:59", "23:59:59 on 21 Nov"),
        (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), "11 月 23 日 00:00:00", "00:00:00 on 23 Nov"),
        (datetime(2025, 12, 31, 15, 59, tzinfo=UTC), "2025 年 12 月 31 日 23:59:00", "23:59:00 on 31 Dec 2025"),
        (NOW - timedelta(microseconds=1), "14:29:59", "14:29:59"),
    ],
)
def test_a_moment_is_told_by_the_clock_of_china(moment: datetime, zh: str, en: str) -> None:
    assert clock_words(moment, NOW) == Words(zh, en)


def test_a_text_is_filled_in_each_language() -> None:
    told = Words("{c}说 {a}", "{c} says {a}").filled(c=Words("微信支付", "WeChat Pay"), a="{t}")
    assert told == Words("微信支付说 {t}", "WeChat Pay says {t}")
    assert told.plus(NOTHING, Words("！", "!")) == Words("微信支付说 {t}！", "WeChat Pay says {t}!")


def test_a_sentence_has_a_capital_and_a_stop() -> None:
    assert Words("好", "when it is so").as_sentence() == Words("好。", "When it is so.")
    assert Words("好", "so").by_language() == {"zh-CN": "好", "en": "so"}
