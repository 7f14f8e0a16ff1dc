"""`GET /v3/certificates`: fetch WeChat's platform certificates, so that a rotation refuses no genuine message.

The reply is signed by one of the certificates inside it: opening them with the APIv3 key proves them (AEAD), then the
signature is checked with what was opened. Fetch at least each twelve hours, and once for an unknown serial.
Must not know: where they are kept. Source: pay.weixin.qq.com "下载平台证书".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.asking import trusted, unlisted
from shunfu.channels.wechatpay.codes import canonical, refund_refused_reason
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.flow import Flow, NoReply, Reply
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, object_at, parse_object, text_at

CERTIFICATES_MAX = 16
_SERIAL = re.compile(r"[0-9A-Fa-f]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlatformCertificate:
    """One certificate of WeChat's: what the credential `platform_certificate` takes, several one after another."""

    serial: str
    pem: str
    key: RSAPublicKey
    effective_at: datetime
    expires_at: datetime


CertificatesAnswer: TypeAlias = tuple[PlatformCertificate, ...] | Refused | Unknown


def fetch_certificates(settings: Settings, moment: Moment) -> Flow[CertificatesAnswer]:
    """Every platform certificate in use, the newest first; Refused for a merchant that has public keys alone."""
    answer = yield codec.build_request(settings, codec.Line("GET", "/v3/certificates"), moment)
    found = _opened(settings, answer) if isinstance(answer, Reply) else ()
    keys = {one.serial: one.key for one in found}
    reply = trusted(replace(settings, wechat_keys={**keys, **settings.wechat_keys}), answer, moment.now)
    if isinstance(reply, Unknown):
        return reply
    if reply.status != 200:
        return _refusal(reply)
    newest = sorted(found, key=lambda one: one.effective_at, reverse=True)
    return tuple(newest) or Unknown("reply holds no certificate that opens")


def _opened(settings: Settings, reply: Reply | NoReply) -> tuple[PlatformCertificate, ...]:
    rows = (parse_object(reply.body) or {}).get("data") if isinstance(reply, Reply) else None
    if not isinstance(rows, list):
        return ()
    sound = [cast("JsonObject", row) for row in cast("list[object]", rows)[:CERTIFICATES_MAX] if isinstance(row, dict)]
    return tuple(one for one in (_certificate(settings, row) for row in sound) if one)


def _certificate(settings: Settings, row: JsonObject) -> PlatformCertificate | None:
    """The certificate in one row, when it opens and has the serial that the row says."""
    pem, serial = codec.decrypt(settings, object_at(row, "encrypt_certificate")), text_at(row, "serial_no", _SERIAL)
    if pem is None or serial is None:
        return None
    try:
        found = load_pem_x509_certificate(pem)
    except ValueError:
        return None
    key = found.public_key()
    if not isinstance(key, RSAPublicKey) or found.serial_number != int(serial, 16):
        return None
    return PlatformCertificate(
        serial.upper(), pem.decode("ascii", "replace"), key, found.not_valid_before_utc, found.not_valid_after_utc
    )


def _refusal(reply: Reply) -> Refused | Unknown:
    code = codec.read_error_code(reply.body) or ""
    if reply.status == 404 and canonical(code) == "RESOURCE_NOT_EXISTS":
        return Refused("configuration", code)
    reason = refund_refused_reason(reply.status, code)
    return Refused(reason, code) if reason else unlisted(reply, code)
