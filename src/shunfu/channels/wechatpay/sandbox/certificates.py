"""`GET /v3/certificates`: the platform certificates in use, sealed with the APIv3 key. Must not know: signatures.

During a rotation there are two, the newest first. Source: pay.weixin.qq.com "下载平台证书".
"""

from __future__ import annotations

import re

from shunfu.channels.wechatpay.sandbox.keys import PlatformCertificate
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import Said, draw, seal
from shunfu.gateway.sandbox.values import BEIJING

_ALGORITHMS = frozenset({"RSA", "ALL"})


def list_certificates(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The certificate in use; once notifications are signed with the next one, both."""
    del found
    first, following = state.keys.certificates
    shown = (following, first) if state.notify_key == "rotated" else (first,)
    if call.query.get("algorithm_type", ["RSA"])[0] not in _ALGORITHMS:
        shown = ()
    return Outcome(state, Said(200, {"data": [_row(state, one, call) for one in shown]}))


def _row(state: State, certificate: PlatformCertificate, call: SignedCall) -> dict[str, object]:
    entropy = draw(call.at.entropy, certificate.serial)
    return {
        "serial_no": certificate.serial,
        "effective_time": certificate.effective_at.astimezone(BEIJING).isoformat(timespec="seconds"),
        "expire_time": certificate.expires_at.astimezone(BEIJING).isoformat(timespec="seconds"),
        "encrypt_certificate": seal(state.keys, certificate.pem, "certificate", entropy),
    }


ROUTES = (Route("GET", "/v3/certificates", list_certificates),)
