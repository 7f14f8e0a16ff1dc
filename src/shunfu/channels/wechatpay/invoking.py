"""What the client needs to open the payment sheet, out of the reply to an order, in each scene.

Must not know: orders. Source: pay.weixin.qq.com "小程序调起支付", "JSAPI调起支付", "APP调起支付", "H5调起支付",
"Native下单".
"""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.settings import NAME, OFFICIAL_SCENE, Settings, sandbox_url
from shunfu.gateway.evidence import Invoke, InvokeKind
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, text_at

PREPAY_SECONDS = 7200
H5_SECONDS = 300
KINDS: dict[str, InvokeKind] = {
    "miniprogram": "wechat_request_payment",
    "native": "qr",
    "h5": "redirect",
    "app": "wechat_app",
    OFFICIAL_SCENE: "wechat_jsapi",
}
NEED_PAYER = frozenset({"miniprogram", OFFICIAL_SCENE})
"""The scenes whose order names the shopper, by the openid that its own application knows."""

_PREPAY_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_URL = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)
_H5_URL = re.compile(r"https?://[\x21-\x7e]{1,512}", re.ASCII)


def read_invoke(settings: Settings, scene: str, content: JsonObject, moment: Moment) -> Invoke | None:
    """Invoke data for a scene, or None when the reply does not hold what it needs."""
    params = _params(settings, scene, content, moment)
    if params is None:
        return None
    seconds = H5_SECONDS if scene == "h5" else PREPAY_SECONDS
    return Invoke(KINDS[scene], params, moment.now + timedelta(seconds=seconds), _sheet_url(settings, params))


def send_back(settings: Settings, invoke: Invoke, return_url: str | None) -> Invoke:
    """An h5_url that leads the browser back to this address; other invoke data as it is."""
    url = invoke.params.get("url")
    if url is None or return_url is None:
        return invoke
    params = {"url": f"{url}&{urlencode({'redirect_url': return_url})}"}
    return Invoke(invoke.kind, params, invoke.expires_at, _sheet_url(settings, params))


def _params(settings: Settings, scene: str, content: JsonObject, moment: Moment) -> dict[str, str] | None:
    if scene == "native":
        code_url = text_at(content, "code_url", _URL)
        return {"code_url": code_url} if code_url else None
    if scene == "h5":
        h5_url = text_at(content, "h5_url", _H5_URL)
        return {"url": h5_url} if h5_url else None
    prepay_id = text_at(content, "prepay_id", _PREPAY_ID)
    if prepay_id is None:
        return None
    if scene == "app":
        return codec.app_params(settings, prepay_id, moment)
    return codec.pay_params(settings, settings.appid_in(scene), prepay_id, moment)


def _sheet_url(settings: Settings, params: dict[str, str]) -> str | None:
    origin = sandbox_url(settings)
    return f"{origin}/sandbox/sheet?{urlencode({'channel': NAME, **params})}" if origin else None
