"""`run` carries a conversation to its result: each answer reaches the step that asked, and errors pass through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request, run


def ask(count: int) -> Flow[list[str]]:
    seen: list[str] = []
    for number in range(count):
        answer = yield Request("GET", f"https://channel.example/{number}", ())
        seen.append(answer.reason if isinstance(answer, NoReply) else answer.body.decode())
    return seen


def echo(request: Request) -> Answer:
    return Reply(200, {}, request.url.rpartition("/")[2].encode())


@given(st.integers(0, 20))
def test_answers_reach_the_step_that_asked(count: int) -> None:
    assert run(ask(count), echo) == [str(number) for number in range(count)]


def test_a_conversation_without_a_question_has_a_result() -> None:
    def refuse(request: Request) -> Answer:
        raise AssertionError(request)

    assert run(ask(0), refuse) == []


def test_no_reply_is_an_answer_too() -> None:
    assert run(ask(2), lambda _: NoReply("cut", was_sent=True)) == ["cut", "cut"]


def test_an_error_of_the_conversation_passes_through() -> None:
    def break_off() -> Flow[None]:
        yield Request("GET", "https://channel.example/", ())
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        run(break_off(), echo)


def test_a_result_of_none_is_a_result() -> None:
    def nothing() -> Flow[None]:
        yield Request("POST", "https://channel.example/", (("a", "b"), ("a", "c")), b"x")

    assert run(nothing(), echo) is None
