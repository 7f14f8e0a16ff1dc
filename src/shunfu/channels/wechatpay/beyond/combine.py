"""Combined orders 合单 at WeChat Pay. Must not know: sockets, our states.

Source: pay.weixin.qq.com, "合单支付": 2 to 10 parts, all of them or none, one prepay_id, one notification; parts are
refunded one by one like any payment and are not seen by the query of single ones.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.beyond.asking import Said, ask, missing
from shunfu.channels.wechatpay.beyond.reading import read_parts
from shunfu.channels.wechatpay.codes import refused_reason
from shunfu.channels.wechatpay.invoking import NEED_PAYER, read_invoke, send_back
from shunfu.channels.wechatpay.settings import OFFICIAL_SCENE, Settings
from shunfu.gateway.combine import Combined, CombinedAnswer, CombinedReport, Part
from shunfu.gateway.evidence import Accepted, Closed, Evidence, Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment

PARTS_MIN, PARTS_MAX = 2, 10
_ORDERS = "/v3/combine-transactions"
_KINDS = {"miniprogram": "jsapi", OFFICIAL_SCENE: "jsapi", "native": "native", "h5": "h5", "app": "app"}


class WeChatCombine:
    """Combined orders of a direct merchant, in each scene."""

    def prepay_combined(self, settings: Settings, combined: Combined, moment: Moment) -> Flow[Evidence]:
        """Place it: Accepted with one invoke data, Refused on a listed code or when it cannot be sent, else Unknown."""
        wrong = _why_not(combined)
        if wrong:
            return wrong
        line = codec.Line("POST", f"{_ORDERS}/{_KINDS[combined.scene]}")
        said = yield from ask(settings, line, moment, _body(settings, combined))
        if isinstance(said, Unknown):
            return said
        if said.status != 200:
            return _refusal(said)
        invoke = read_invoke(settings, combined.scene, said.content, moment)
        if invoke is None:
            return Unknown("reply to the combined order is malformed")
        return Accepted(send_back(settings, invoke, combined.return_url))

    def query_combined(self, settings: Settings, number: str, moment: Moment) -> Flow[CombinedAnswer]:
        """Ask what became of it: every part's evidence, NotFound or Unknown."""
        said = yield from ask(settings, codec.Line("GET", f"{_ORDERS}/out-trade-no/{number}"), moment)
        if isinstance(said, Unknown):
            return said
        if said.status != 200:
            return missing(said, "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS")
        parts = read_parts(said.content)
        is_ours = said.content.get("combine_out_trade_no") == number
        return CombinedReport(parts) if is_ours and parts else Unknown("reply is about another combined order")

    def close_combined(self, settings: Settings, combined: Combined, moment: Moment) -> Flow[Evidence]:
        """Ask to close all parts, naming exactly those that were placed: Closed on 204, NotFound, else Unknown."""
        parts = [{"mchid": settings.mchid, "out_trade_no": part.number} for part in combined.parts]
        line = codec.Line("POST", f"{_ORDERS}/out-trade-no/{combined.number}/close")
        said = yield from ask(
            settings, line, moment, {"combine_appid": settings.appid_in(combined.scene), "sub_orders": parts}
        )
        if isinstance(said, Unknown):
            return said
        return Closed("CLOSED") if said.status == 204 else missing(said, "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS")


def _why_not(combined: Combined) -> Refused | None:
    """What WeChat would refuse anyway, said before anything is sent."""
    numbers = {combined.number, *(part.number for part in combined.parts)}
    if not PARTS_MIN <= len(combined.parts) <= PARTS_MAX or len(numbers) != len(combined.parts) + 1:
        return Refused("invalid_request", "sub_orders")
    if combined.scene in NEED_PAYER and not combined.payer:
        return Refused("payer", "openid missing")
    if combined.scene == "h5" and not combined.client_ip:
        return Refused("invalid_request", "payer_client_ip missing")
    return None


def _refusal(said: Said) -> Refused | Unknown:
    reason = refused_reason(said.status, said.code)
    return Refused(reason, said.code) if reason else said.unknown


def _body(settings: Settings, combined: Combined) -> dict[str, object]:
    body: dict[str, object] = {
        "combine_appid": settings.appid_in(combined.scene),
        "combine_mchid": settings.mchid,
        "combine_out_trade_no": combined.number,
        "sub_orders": [_sub_order(settings, combined.number, part) for part in combined.parts],
        "time_expire": combined.expires_at.astimezone(codec.SHANGHAI).isoformat(timespec="seconds"),
        "notify_url": combined.notify_url,
    }
    if combined.payer is not None:
        body["combine_payer_info"] = {"openid": combined.payer}
    if combined.client_ip is not None:
        body["scene_info"] = {"payer_client_ip": combined.client_ip, **_h5(combined)}
    return body


def _h5(combined: Combined) -> dict[str, object]:
    if combined.scene != "h5":
        return {}
    home = urlsplit(combined.return_url or "")
    shown = {"app_url": f"{home.scheme}://{home.netloc}"} if home.netloc else {}
    return {"h5_info": {"type": "Wap", **shown}}


def _sub_order(settings: Settings, number: str, part: Part) -> dict[str, object]:
    """One part; `attach` is obligatory here, and names the whole."""
    sub: dict[str, object] = {
        "mchid": settings.mchid,
        "attach": number,
        "amount": {"total_amount": part.amount.minor, "currency": part.amount.currency},
        "out_trade_no": part.number,
        "description": "".join(c if c.isprintable() else " " for c in part.subject)[:127],
    }
    return {**sub, "settle_info": {"profit_sharing": True}} if part.is_shared else sub
