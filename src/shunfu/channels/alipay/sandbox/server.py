"""The sandbox's front door: one request in, one reply out, in gateway.do's protocol, the REST one, or for a browser.

Must not know: sockets, clocks, files. Order of checks: method, application, signature, then the method's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from shunfu.channels.alipay.sandbox import bills, people, refunds, rest, trades, wire
from shunfu.channels.alipay.sandbox.asked import Asked, Done, Handler, Said
from shunfu.channels.alipay.sandbox.shopper import lead_to_sheet
from shunfu.channels.alipay.sandbox.state import State
from shunfu.gateway.flow import Reply
from shunfu.gateway.sandbox.values import Answer, Call, Step

CERTIFY_PATH = "/alipay/certify/"
CERTIFY_PAGE = "alipay.user.certify.open.certify"
_FACE = "datadigital.fincloud.generalsaas.face.certify"

METHODS: Mapping[str, Handler] = {
    trades.CREATE: trades.place,
    trades.PRECREATE: trades.place,
    "alipay.trade.query": trades.query,
    "alipay.trade.close": trades.close,
    "alipay.trade.cancel": trades.cancel,
    "alipay.trade.refund": refunds.refund,
    "alipay.trade.fastpay.refund.query": refunds.query,
    "alipay.data.dataservice.bill.downloadurl.query": bills.ask,
    "alipay.system.oauth.token": people.oauth_token,
    "alipay.user.info.share": people.user_info,
    "alipay.open.app.alipaycert.download": people.download_certificate,
    "alipay.user.certify.open.initialize": people.certify_begin,
    "alipay.user.certify.open.query": people.certify_query,
    f"{_FACE}.initialize": people.certify_begin,
    f"{_FACE}.verify": people.certify_address,
    f"{_FACE}.query": people.certify_query,
    "alipay.user.certdoc.certverify.preconsult": people.compare_begin,
    "alipay.user.certdoc.certverify.consult": people.compare,
}
"""Every method that is answered; in the REST protocol their names are addresses."""
_ERRORS_APART = frozenset({"alipay.system.oauth.token"})
"""Methods whose errors come under `error_response`."""

_TWISTS = {
    "too_many": Said(code="40005", sub_code="isv.app-call-limited", sub_msg="应用调用次数超限"),
    "system_error": Said(code="20000", sub_code="isp.unknow-error", sub_msg="系统繁忙"),
}
_NO_METHOD = Said(code="40002", sub_code="isv.invalid-method", sub_msg="不存在的方法名")
_NO_UPLOAD = Said(code="40002", sub_code="isv.invalid-method", sub_msg="本沙箱不支持文件上传接口")


def answer(state: State, call: Call) -> Answer[State]:
    """Answer one request as openapi.alipay.com would."""
    path = urlsplit(call.request.url).path
    if path == "/gateway.do":
        return _gateway(state, call)
    if path.startswith("/v3/"):
        return _rest(state, call)
    if path.startswith(bills.PATH):
        reply, faults = bills.download(state, path, call.at, call.faults)
        return Answer(Step(state), reply, faults)
    if path.startswith(CERTIFY_PATH):
        return _certify_page(state, path.removeprefix(CERTIFY_PATH))
    return Answer(Step(state), Reply(404, {"content-type": "text/html"}, b"<html><body>404</body></html>"))


def _gateway(state: State, call: Call) -> Answer[State]:
    parsed = wire.parse(call.request)
    why = _NO_UPLOAD if parsed.is_multipart else wire.why_not(state.material, parsed)
    method = parsed.params.get("method", "")
    if method in trades.PAGES or method == CERTIFY_PAGE:
        return _page(state, call, parsed, why)
    asked = _twisted(call) or why or _asked(state, call, parsed)
    handler = METHODS.get(method, _no_method)
    done = Done(state, asked) if isinstance(asked, Said) else handler(state, asked)
    reply = wire.dress(state.material, done.said, _letterhead(state, parsed, done.said), _bad_reply(call))
    return _answered(done, reply)


def _rest(state: State, call: Call) -> Answer[State]:
    entered = rest.enter(state.material, call.request, call.at)
    twisted = _twisted(call)
    if twisted or isinstance(entered, Said):
        said = entered if isinstance(entered, Said) else _NO_METHOD
        return Answer(Step(state), rest.dress(state.material, twisted or said, None, call))
    handler = METHODS.get(entered.method)
    if handler is None or call.request.method not in {"GET", "POST"}:
        return Answer(Step(state), rest.dress(state.material, _NO_METHOD, None, call))
    asked = Asked(entered.method, entered.app_id, entered.content, {}, _origin(call), call.at, call.faults)
    result = handler(state, asked)
    return _answered(result, rest.dress(state.material, result.said, entered, call))


def _page(state: State, call: Call, parsed: wire.Parsed, why: Said | None) -> Answer[State]:
    """A browser with a signed form: the trade is made, and the shopper led to the sheet; errors are a page."""
    asked = _twisted(call) or why or _asked(state, call, parsed)
    if isinstance(asked, Said):
        return Answer(Step(state), wire.error_page(asked))
    if asked.method == CERTIFY_PAGE:
        return _certify_page(state, asked.text("certify_id"))
    done = trades.place(state, asked)
    trade = done.state.trades.get(asked.text("out_trade_no"))
    is_there = trade is not None and (not done.said.sub_code or _is_over(done.said))
    reply = lead_to_sheet(trade, urlsplit(call.request.url).query) if is_there and trade else wire.error_page(done.said)
    return _answered(done, reply)


def _is_over(said: Said) -> bool:
    """A shopper who opens a paid or closed trade again is shown that it is."""
    return said.sub_code in {"ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE"}


def _certify_page(state: State, certify_id: str) -> Answer[State]:
    """Where the face would be shown: here it is taken as shown, and the browser goes back."""
    state, found = people.certify_page(state, certify_id)
    if found is None:
        said = Said(code="40004", sub_code="CERTIFY_ID_NOT_EXIST", sub_msg="认证单据不存在")
        return Answer(Step(state), wire.error_page(said))
    if found.return_url.startswith(("http://", "https://")) and found.return_url.isprintable():
        return Answer(Step(state), Reply(302, {"location": found.return_url}, b""))
    page = "<html><body>认证完成</body></html>".encode("gbk")
    return Answer(Step(state), Reply(200, {"content-type": "text/html;charset=GBK"}, page))


def _asked(state: State, call: Call, parsed: wire.Parsed) -> Asked | Said:
    params = parsed.params
    biz = wire.biz_of(state.material, params)
    if isinstance(biz, Said):
        return biz
    return Asked(
        method=params["method"],
        app_id=params["app_id"],
        biz=biz,
        params=params,
        origin=_origin(call),
        at=call.at,
        faults=call.faults,
        charset=params["charset"].lower(),
        sign_type=params["sign_type"],
    )


def _letterhead(state: State, parsed: wire.Parsed, said: Said) -> wire.Letterhead:
    params, material = parsed.params, state.material
    method, app_id = params.get("method", ""), params.get("app_id", "")
    is_apart = method not in METHODS or (method in _ERRORS_APART and bool(said.sub_code))
    return wire.Letterhead(
        node="error_response" if is_apart else f"{method.replace('.', '_')}_response",
        charset=parsed.charset,
        sign_type="RSA" if params.get("sign_type") == "RSA" else "RSA2",
        app_id=app_id if app_id in {material.app_id, material.app_id_cert} else "",
        is_encrypted=bool(params.get("encrypt_type")) and said.code in {"10000", "40004"},
    )


def _twisted(call: Call) -> Said | None:
    return _TWISTS.get(call.twist)


def _bad_reply(call: Call) -> str:
    return call.twist if call.twist in {"reply_signtest", "reply_bad_signature"} else ""


def _no_method(state: State, _: Asked) -> Done:
    return Done(state, _NO_METHOD)


def _answered(done: Done, reply: Reply) -> Answer[State]:
    return Answer(Step(done.state, done.letters, done.timers), reply, done.faults, done.is_lost)


def _origin(call: Call) -> str:
    """Where this sandbox is, as the client knows it."""
    parts = urlsplit(call.request.url)
    return f"{parts.scheme}://{parts.netloc}"
