"""Alipay's identity certification: is this person who they say they are? By their face, or by name and number alone.

Names and identity numbers are personal data: they come in and go out as Secrets, and no answer repeats them.
Must not know: what verification a payment needs. Sources: opendocs alipay.user.certify.open.*,
datadigital.fincloud.generalsaas.face.certify.*, alipay.user.certdoc.certverify.*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from shunfu.channels.alipay import codec
from shunfu.channels.alipay.codec import Ask, Said
from shunfu.channels.alipay.codes import why_call_refused
from shunfu.channels.alipay.exchange import exchange, unlisted
from shunfu.channels.alipay.settings import Settings
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import text_at
from shunfu.kernel.secret import Secret

Product = Literal["open", "saas"]
"""The older certification of the open platform, and its successor for other applications."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_URL = re.compile(r"https?://[\x21-\x7e]{1,2000}", re.ASCII)
_REASON = re.compile(r"[0-9A-Za-z_,.-]{1,128}", re.ASCII)
_METHODS: Mapping[Product, str] = {
    "open": "alipay.user.certify.open",
    "saas": "datadigital.fincloud.generalsaas.face.certify",
}
_BIZ_CODES: Mapping[Product, str] = {"open": "FACE", "saas": "FUTURE_TECH_BIZ_FACE_SDK"}


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says they are: a name and the number of a Chinese identity card."""

    name: Secret[str] = field(repr=False)
    card_number: Secret[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certifying:
    """A certification begun: its id at Alipay, and what certifies it."""

    certify_id: str
    product: Product


@dataclass(frozen=True, slots=True)
class Certified:
    """What came of it. Not passed may also mean not done yet: the shopper has not shown their face."""

    is_passed: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class ConsentNeeded:
    """A comparison begun; the shopper must agree to it before it is carried out (scope `id_verify`)."""

    verify_id: str


CertifyAnswer: TypeAlias = Certifying | Refused | Unknown
PageAnswer: TypeAlias = str | Refused | Unknown
CertifiedAnswer: TypeAlias = Certified | Refused | Unknown
ConsentAnswer: TypeAlias = ConsentNeeded | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Certify:
    """A certification to begin: our own number of it (at most 32 characters), and where the browser goes afterwards."""

    number: str
    claim: Claim
    return_url: str
    product: Product = "open"


def begin_certify(settings: Settings, certify: Certify, moment: Moment) -> Flow[CertifyAnswer]:
    """Begin a certification by face."""
    biz: dict[str, object] = {
        "outer_order_no": certify.number,
        "biz_code": _BIZ_CODES[certify.product],
        "identity_param": {"identity_type": "CERT_INFO", **_claimed(certify.claim, "cert_name")},
        "merchant_config": {"return_url": certify.return_url},
    }
    said = yield from exchange(settings, Ask(f"{_METHODS[certify.product]}.initialize", biz), moment)
    if isinstance(said, Unknown):
        return said
    certify_id = text_at(said.node, "certify_id", _ID)
    return Certifying(certify_id, certify.product) if said.is_success and certify_id else _refused(said)


def certify_page(settings: Settings, certifying: Certifying, moment: Moment) -> Flow[PageAnswer]:
    """The address to open in Alipay: a signed one of our own for the older product, one to ask for else."""
    biz = {"certify_id": certifying.certify_id}
    if certifying.product == "open":
        params = codec.signed_params(settings, Ask(f"{_METHODS['open']}.certify", biz), moment)
        return f"{settings.gateway_url}?{codec.query_string(params)}"
    said = yield from exchange(settings, Ask(f"{_METHODS['saas']}.verify", biz), moment)
    if isinstance(said, Unknown):
        return said
    url = text_at(said.node, "certify_url", _URL)
    return url if said.is_success and url else _refused(said)


def ask_certified(settings: Settings, certifying: Certifying, moment: Moment) -> Flow[CertifiedAnswer]:
    """Whether the shopper passed; only a plain "T" is a yes."""
    biz = {"certify_id": certifying.certify_id}
    said = yield from exchange(settings, Ask(f"{_METHODS[certifying.product]}.query", biz), moment)
    return said if isinstance(said, Unknown) else _certified(said)


def begin_compare(settings: Settings, claim: Claim, moment: Moment) -> Flow[ConsentAnswer]:
    """Begin a comparison of name and number with those of the shopper's account, without a face."""
    biz: dict[str, object] = {**_claimed(claim, "user_name")}
    said = yield from exchange(settings, Ask("alipay.user.certdoc.certverify.preconsult", biz), moment)
    if isinstance(said, Unknown):
        return said
    verify_id = text_at(said.node, "verify_id", _ID)
    return ConsentNeeded(verify_id) if said.is_success and verify_id else _refused(said)


def compare(settings: Settings, needed: ConsentNeeded, session: Secret[str], moment: Moment) -> Flow[CertifiedAnswer]:
    """Carry the comparison out, with the access token of a shopper who has agreed."""
    biz, beside = {"verify_id": needed.verify_id}, {"auth_token": session.reveal()}
    said = yield from exchange(settings, Ask("alipay.user.certdoc.certverify.consult", biz, beside), moment)
    return said if isinstance(said, Unknown) else _certified(said)


def _claimed(claim: Claim, name_field: str) -> dict[str, str]:
    return {name_field: claim.name.reveal(), "cert_type": "IDENTITY_CARD", "cert_no": claim.card_number.reveal()}


def _certified(said: Said) -> CertifiedAnswer:
    passed = said.node.get("passed")
    if said.is_success and passed in {"T", "F"}:
        return Certified(passed == "T", text_at(said.node, "fail_reason", _REASON) or "")
    return _refused(said)


def _refused(said: Said) -> Refused | Unknown:
    if said.is_success:
        return Unknown("reply is incomplete")
    reason = why_call_refused(said)
    return Refused(reason, said.named) if reason else unlisted(said)
