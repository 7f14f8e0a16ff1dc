"""The verbs of Alipay as generators: each yields signed requests and turns what comes back into evidence.

Must not know: sockets, time-outs, retries, our states. A reply that fails verification is Unknown, whatever it says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from shunfu.channels.alipay import codec, trades
from shunfu.channels.alipay.codec import Ask, Hearsay, Said
from shunfu.channels.alipay.codes import canonical, why_order_refused
from shunfu.channels.alipay.exchange import exchange, exchange_once, unlisted
from shunfu.channels.alipay.notifying import read_notification
from shunfu.channels.alipay.settings import NAME, Settings, sandbox_url
from shunfu.gateway.evidence import Accepted, Closed, Evidence, Invoke, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.gateway.flow import Flow, Reply
from shunfu.gateway.moment import Moment
from shunfu.gateway.port import Genuine, Heard, Message, Prepay, Spurious
from shunfu.gateway.reading import text_at

PREPAY_SECONDS = 7200
_METHODS = {
    "miniprogram": "alipay.trade.create",
    "native": "alipay.trade.precreate",
    "h5": "alipay.trade.wap.pay",
    "page": "alipay.trade.page.pay",
    "app": "alipay.trade.app.pay",
}
_LOCAL = frozenset({"h5", "page", "app"})


class Alipay:
    """Alipay OpenAPI for a direct merchant: mini-program, QR code, phone and desktop browser, app."""

    def prepay(self, settings: Settings, prepay: Prepay, moment: Moment) -> Flow[Evidence]:
        """Place the order: Accepted with invoke data, Refused on a listed code, else Unknown.

        In a browser and in an app nothing is asked of Alipay: our signed form is the order, once the shopper opens it.
        """
        if prepay.scene == "miniprogram" and not prepay.payer:
            return Refused("payer", "buyer missing")
        ask = _order(settings, prepay)
        if prepay.scene in _LOCAL:
            return Accepted(_local_invoke(settings, prepay, ask, moment))
        said = yield from exchange_once(settings, ask, moment)
        if isinstance(said, Unknown):
            return said
        if isinstance(said, Hearsay):
            return (yield from self._ask_after(settings, prepay.number, moment, _refusal(said.said)))
        if not said.is_success:
            return _refusal(said)
        params = _placed(prepay, said)
        return (
            Accepted(_invoke(settings, prepay, params, moment))
            if params
            else Unknown("reply to the order is malformed")
        )

    def _ask_after(self, settings: Settings, number: str, moment: Moment, heard: Refused | Unknown) -> Flow[Evidence]:
        """An unsigned refusal counts once the signed gateway does not know the order; it is never placed again."""
        if isinstance(heard, Unknown):
            return heard
        found = yield from self.query(replace(settings, protocol="v2"), number, moment)
        if isinstance(found, NotFound):
            return heard
        return found if isinstance(found, Paid | Closed) else Unknown("refusal is not signed")

    def query(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask what became of a number: NotPaid, Paid, Closed, NotFound or Unknown."""
        said = yield from exchange(settings, Ask("alipay.trade.query", {"out_trade_no": number}), moment)
        if isinstance(said, Unknown):
            return said
        if not said.is_success:
            return NotPaid(said.code) if said.code == "10003" else _not_found(said)
        return trades.read_queried(settings, said.node, number, moment.now)

    def close(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask to close a number: Closed, NotFound, else Unknown (then query)."""
        said = yield from exchange_once(settings, Ask("alipay.trade.close", {"out_trade_no": number}), moment)
        if isinstance(said, Hearsay):
            return (yield from self.close(replace(settings, protocol="v2"), number, moment))
        if isinstance(said, Unknown):
            return said
        found = _closed(said, number)
        if settings.protocol == "v2" or not isinstance(found, Closed):
            return found
        # A REST reply does not name its question, and one to the order looks like this one: the trade itself knows.
        found = yield from self.query(settings, number, moment)
        return found if isinstance(found, Closed) else Unknown("closed, but the trade does not say so")

    def cancel(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Undo a number whose outcome is unknown, at the counter: Alipay closes it, or refunds what was paid.

        Closed only when it says that it closed; a refund, and anything to be retried, is for the query to tell.
        """
        said = yield from exchange_once(settings, Ask("alipay.trade.cancel", {"out_trade_no": number}), moment)
        if isinstance(said, Hearsay):
            return unlisted(said.said)
        if isinstance(said, Unknown):
            return said
        if said.is_success and said.node.get("action") != "close":
            return Unknown(f"cancelled by {said.node.get('action')}"[:64])
        return _closed(said, number)

    def read_notification(self, settings: Settings, message: Message, now: datetime) -> Genuine | Spurious:
        """Decode once, verify, then read. Never raises on hostile input."""
        return read_notification(settings, message, now)

    def answer_notification(self, heard: Heard) -> Reply:
        """Exactly `success`, or a refusal after which Alipay sends again."""
        headers = {"content-type": "text/plain; charset=utf-8"}
        if heard == "accepted":
            return Reply(200, headers, b"success")
        return Reply(401 if heard == "distrusted" else 400, headers, b"fail")


def _order(settings: Settings, prepay: Prepay) -> Ask:
    beside = {"notify_url": prepay.notify_url}
    if prepay.scene in {"h5", "page"} and prepay.return_url:
        beside["return_url"] = prepay.return_url
    return Ask(_METHODS[prepay.scene], trades.order_of(settings, prepay), beside)


def _placed(prepay: Prepay, said: Said) -> dict[str, str] | None:
    """The invoke data in a reply about this order, or None."""
    is_native = prepay.scene == "native"
    token = text_at(said.node, "qr_code" if is_native else "trade_no", trades.QR_CODE if is_native else trades.TRADE_NO)
    if token is None or said.node.get("out_trade_no") != prepay.number:
        return None
    return {"code_url": token} if is_native else {"tradeNO": token}


def _invoke(settings: Settings, prepay: Prepay, params: dict[str, str], moment: Moment) -> Invoke:
    expires_at = min(prepay.expires_at, moment.now + timedelta(seconds=PREPAY_SECONDS))
    origin = sandbox_url(settings)
    sheet = f"{origin}/sandbox/sheet?{urlencode({'channel': NAME, **params})}" if origin else None
    return Invoke("qr" if prepay.scene == "native" else "alipay_trade_pay", params, expires_at, sheet)


def _local_invoke(settings: Settings, prepay: Prepay, ask: Ask, moment: Moment) -> Invoke:
    """A signed address to go to, form to post, or order string for the app; the stand-in opens all three by address."""
    params = codec.signed_params(settings, ask, moment)
    order = codec.query_string(params)
    address = f"{settings.gateway_url}?{order}"
    sheet = address if sandbox_url(settings) else None
    if prepay.scene == "app":
        return Invoke("alipay_app", {"orderStr": order}, prepay.expires_at, sheet)
    if prepay.scene == "h5":
        return Invoke("redirect", {"url": address}, prepay.expires_at, sheet)
    form = {"action": f"{settings.gateway_url}?charset=utf-8", **params}
    return Invoke("form", form, prepay.expires_at, sheet)


def _refusal(said: Said) -> Refused | Unknown:
    reason = why_order_refused(said)
    return Refused(reason, said.named) if reason else unlisted(said)


def _closed(said: Said, number: str) -> Evidence:
    if not said.is_success:
        return _not_found(said)
    # A reply to a query has the status, one to a close never.
    is_ours = said.node.get("out_trade_no") == number and "trade_status" not in said.node
    return Closed("TRADE_CLOSED") if is_ours else Unknown("reply is about something else")


def _not_found(said: Said) -> NotFound | Unknown:
    is_missing = canonical(said.sub_code) == "TRADE_NOT_EXIST" and said.code != "20000"
    return NotFound(said.sub_code) if is_missing else unlisted(said)
