"""Complaints at the sandbox: the merchant lists, answers and settles them. Must not know: signatures.

Source: pay.weixin.qq.com, "消费者投诉": the phone is encrypted for the merchant's certificate; notifications go to the
one address that was set for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final
from urllib.parse import unquote

from shunfu.channels.wechatpay.sandbox.beyond.bodies import invalid, missing, param_error, read_body
from shunfu.channels.wechatpay.sandbox.beyond.complaint_rows import (
    NEGOTIATION_MAX,
    add_step,
    complaint_shown,
    made_on,
    step_shown,
    tell_of,
)
from shunfu.channels.wechatpay.sandbox.beyond.state import ComplaintRow
from shunfu.channels.wechatpay.sandbox.orders import wrong_mchid
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.schema import Rule, is_list, matches, text
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import Said, problem

DAYS_MAX: Final = 30
_MCHID = {"complainted_mchid": Rule(text(64), is_required=True)}
_RESPONSE: Mapping[str, Rule] = {
    **_MCHID,
    "response_content": Rule(text(200), is_required=True),
    "response_images": Rule(is_list),
    "jump_url": Rule(text(512)),
    "jump_url_text": Rule(text(10)),
}
_URL: Mapping[str, Rule] = {"url": Rule(matches(r"https?://[^\s?#]{1,247}"), is_required=True)}


def list_all(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The complaints of some days, oldest first."""
    del found
    span = _span(call)
    page = _page(call, 10, 50)
    if isinstance(span, Said) or isinstance(page, Said):
        return Outcome(state, span if isinstance(span, Said) else page if isinstance(page, Said) else missing(""))
    begin, end = span
    known = [row for row in state.beyond.complaints.values() if begin <= made_on(row) <= end]
    limit, offset = page
    shown = [complaint_shown(state, row) for row in known[offset : offset + limit]]
    return Outcome(state, Said(200, {"data": shown, "limit": limit, "offset": offset, "total_count": len(known)}))


def ask(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """One complaint, or 404."""
    del call
    row = _row(state, found)
    return Outcome(state, Said(200, complaint_shown(state, row)) if row else _unknown())


def list_steps(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """What was said, newest first."""
    row, page = _row(state, found), _page(call, 100, NEGOTIATION_MAX)
    if row is None or isinstance(page, Said):
        return Outcome(state, page if isinstance(page, Said) else _unknown())
    limit, offset = page
    shown = [step_shown(step) for step in row.steps[::-1][offset : offset + limit]]
    return Outcome(state, Said(200, {"data": shown, "limit": limit, "offset": offset, "total_count": len(row.steps)}))


def respond(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The merchant says something; the complaint is being worked on from then."""
    body, row = read_body(call, _RESPONSE), _row(state, found)
    if isinstance(body, Said) or row is None:
        return Outcome(state, body if isinstance(body, Said) else _unknown())
    wrong = wrong_mchid(state, body["complainted_mchid"], "body")
    if wrong:
        return Outcome(state, wrong)
    going = "PROCESSING" if row.state == "PENDING" else row.state
    row = replace(row, state=going, is_waiting=False)
    return _done(state, add_step(row, "MERCHANT_RESPONSE", str(body["response_content"]), call.at), call)


def complete(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The merchant says that it is settled; twice is refused."""
    body, row = read_body(call, _MCHID), _row(state, found)
    if isinstance(body, Said) or row is None:
        return Outcome(state, body if isinstance(body, Said) else _unknown())
    wrong = wrong_mchid(state, body["complainted_mchid"], "body")
    if row.state == "PROCESSED":
        wrong = wrong or invalid("投诉单已处理完成")
    if wrong:
        return Outcome(state, wrong)
    row = replace(row, state="PROCESSED", is_waiting=False)
    return _done(state, add_step(row, "MERCHANT_CONFIRM_COMPLETE", "", call.at), call)


def create_address(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """Where notifications go, once: 400 when there is an address already."""
    del found
    body = read_body(call, _URL)
    if isinstance(body, Said):
        return Outcome(state, body)
    if state.beyond.complaint_url:
        return Outcome(state, problem(400, "RESOURCE_ALREADY_EXISTS", "投诉通知回调地址已存在", 268435461))
    return _addressed(state, str(body["url"]), call)


def change_address(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """Another address: 404 when there was none."""
    del found
    body = read_body(call, _URL)
    if isinstance(body, Said):
        return Outcome(state, body)
    return _addressed(state, str(body["url"]), call) if state.beyond.complaint_url else Outcome(state, _no_address())


def ask_address(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The address, or 404."""
    del found, call
    return Outcome(state, _address_shown(state) if state.beyond.complaint_url else _no_address())


def delete_address(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """204, or 404 when there was none."""
    del found, call
    if not state.beyond.complaint_url:
        return Outcome(state, _no_address())
    return Outcome(replace(state, beyond=replace(state.beyond, complaint_url="")), Said(204))


def _done(state: State, row: ComplaintRow, call: SignedCall) -> Outcome:
    state = replace(state, beyond=state.beyond.with_complaint(row))
    return Outcome(state, Said(204), tell_of(state, row, call.at))


def _addressed(state: State, url: str, call: SignedCall) -> Outcome:
    beyond = replace(state.beyond, complaint_url=url, complaint_key=call.named_key)
    state = replace(state, beyond=beyond)
    return Outcome(state, _address_shown(state))


def _address_shown(state: State) -> Said:
    return Said(200, {"mchid": state.material.mchid, "url": state.beyond.complaint_url})


def _row(state: State, found: re.Match[str]) -> ComplaintRow | None:
    return state.beyond.complaints.get(unquote(found.group(1)))


def _span(call: SignedCall) -> tuple[date, date] | Said:
    days: list[date] = []
    for name in ("begin_date", "end_date"):
        given = call.query.get(name, [""])[0]
        try:
            days.append(date.fromisoformat(given if re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII) else ""))
        except ValueError:
            return _wrong_query(name)
    begin, end = days
    return (begin, end) if 0 <= (end - begin).days <= DAYS_MAX else _wrong_query("end_date")


def _page(call: SignedCall, usual: int, most: int) -> tuple[int, int] | Said:
    limit, offset = (call.query.get(name, [default])[0] for name, default in (("limit", str(usual)), ("offset", "0")))
    if not re.fullmatch("[0-9]{1,3}", limit, re.ASCII) or not 1 <= int(limit) <= most:
        return _wrong_query("limit")
    return (int(limit), int(offset)) if re.fullmatch("[0-9]{1,9}", offset, re.ASCII) else _wrong_query("offset")


def _wrong_query(name: str) -> Said:
    return param_error(name, f"参数不符合接口规则: {name}")


def _unknown() -> Said:
    return missing("投诉单不存在")


def _no_address() -> Said:
    return missing("未设置投诉通知回调地址")


_ROOT, _ADDRESS = "/v3/merchant-service/complaints-v2", "/v3/merchant-service/complaint-notifications"
ROUTES = (
    Route("GET", _ROOT, list_all),
    Route("GET", f"{_ROOT}/([^/]+)", ask),
    Route("GET", f"{_ROOT}/([^/]+)/negotiation-historys", list_steps),
    Route("POST", f"{_ROOT}/([^/]+)/response", respond),
    Route("POST", f"{_ROOT}/([^/]+)/complete", complete),
    Route("POST", _ADDRESS, create_address),
    Route("PUT", _ADDRESS, change_address),
    Route("GET", _ADDRESS, ask_address),
    Route("DELETE", _ADDRESS, delete_address),
)
