"""Shoppers at the sandbox: logged in by code, certified by face, compared by name. Must not know: signatures, trades.

No name and no identity number is kept: who begins with 假 fails, everybody else passes.
Sources: opendocs alipay.system.oauth.token, alipay.user.info.share, alipay.user.certify.open.*,
datadigital.fincloud.generalsaas.face.certify.*, alipay.user.certdoc.certverify.*.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from shunfu.channels.alipay.sandbox.asked import Asked, Done, Said, failed
from shunfu.channels.alipay.sandbox.keys import parse_keys
from shunfu.channels.alipay.sandbox.paying import SHOPPER
from shunfu.channels.alipay.sandbox.state import Certification, Material, State
from shunfu.channels.alipay.sandbox.wire import seal, signature_of
from shunfu.gateway.reading import object_at

LOGIN_CODE = "5a4db0c0a9b44fe7b1c0ffee5eedWX85"
TOKEN_SECONDS, REFRESH_SECONDS = 1_296_000, 2_592_000
FAKE = "假"

_CODES_KEPT = 10_000


def oauth_token(state: State, asked: Asked) -> Done:
    """alipay.system.oauth.token: a code or a refresh token, once, for a shopper's id and an access token."""
    grant, proof = _beside(asked, "grant_type"), _beside(asked, "code")
    if grant == "refresh_token":
        shopper, proof = state.tokens.get(_beside(asked, "refresh_token"), ""), _beside(asked, "refresh_token")
    else:
        shopper = _shopper(proof) if grant == "authorization_code" and proof not in state.spent else ""
    if not shopper:
        word = "refresh-token-invalid" if grant == "refresh_token" else "code-invalid"
        return Done(state, Said(code="40002", sub_code=f"isv.{word}", sub_msg="授权码code无效"))
    access, refresh = (f"authbse{kind}{asked.at.draw(kind).hex()[:32]}" for kind in ("B", "R"))
    fields: dict[str, object] = {
        "open_id": shopper,
        "access_token": access,
        "expires_in": TOKEN_SECONDS,
        "refresh_token": refresh,
        "re_expires_in": REFRESH_SECONDS,
        "auth_start": f"{asked.at.beijing:%Y-%m-%d %H:%M:%S}",
    }
    left = {token: who for token, who in state.tokens.items() if token != proof}
    tokens, spent = {**left, access: shopper, refresh: shopper}, (*state.spent, proof)[-_CODES_KEPT:]
    return Done(replace(state, tokens=tokens, spent=spent), Said(fields, is_bare=True))


def user_info(state: State, asked: Asked) -> Done:
    """alipay.user.info.share, by access token."""
    shopper = state.tokens.get(_beside(asked, "auth_token"))
    return Done(state, Said({"open_id": shopper, "nick_name": "沙箱顾客"}) if shopper else _no_token())


def phone_proof(material: Material, phone: str) -> str:
    """What `my.getPhoneNumber` hands to the mini-program: sealed, and signed with its double quotes."""
    sealed = seal(material, json.dumps({"code": "10000", "msg": "Success", "mobile": phone}))
    signature = signature_of(parse_keys(material).alipay, f'"{sealed}"'.encode())
    message = {"response": sealed, "sign": signature, "sign_type": "RSA2", "encrypt_type": "AES", "charset": "UTF-8"}
    return json.dumps(message, separators=(",", ":"))


def certify_begin(state: State, asked: Asked) -> Done:
    """`.initialize` of either certification by face."""
    person, back = object_at(asked.biz, "identity_param"), object_at(asked.biz, "merchant_config")
    name, number = str(person.get("cert_name", "")), str(person.get("cert_no", ""))
    if not (asked.text("outer_order_no") and asked.text("biz_code") and name and number):
        return Done(state, failed("INVALID_PARAMETER", "参数有误"))
    certify_id = asked.at.draw("certify").hex()[:32]
    begun = Certification(certify_id, str(back.get("return_url", "")), not name.startswith(FAKE))
    return Done(_with(state, begun), Said({"certify_id": certify_id}))


def certify_address(state: State, asked: Asked) -> Done:
    """`.verify`: the page to open in Alipay, where the face would be shown."""
    found = state.certifications.get(asked.text("certify_id"))
    address = f"{asked.origin}/alipay/certify/{quote(asked.text('certify_id'))}"
    return Done(state, Said({"certify_url": address}) if found else _no_certification())


def certify_page(state: State, certify_id: str) -> tuple[State, Certification | None]:
    """The page opened: the face is shown at once."""
    found = state.certifications.get(certify_id)
    return (_with(state, replace(found, is_shown=True)), found) if found else (state, None)


def certify_query(state: State, asked: Asked) -> Done:
    """`.query`: passed only by who should, and once the page was opened."""
    found = state.certifications.get(asked.text("certify_id"))
    if found is None:
        return Done(state, _no_certification())
    fields = {"passed": "T" if found.will_pass and found.is_shown else "F"}
    return Done(state, Said(fields if found.is_shown else {**fields, "fail_reason": "NOT_CERTIFIED"}))


def compare_begin(state: State, asked: Asked) -> Done:
    """`.preconsult`: a comparison of name and number, to be agreed to."""
    name = asked.text("user_name")
    if not (name and asked.text("cert_no") and asked.text("cert_type")):
        return Done(state, failed("INVALID_PARAMETER", "参数有误"))
    verify_id = asked.at.draw("verify").hex()[:32]
    return Done(_with(state, Certification(verify_id, "", not name.startswith(FAKE))), Said({"verify_id": verify_id}))


def compare(state: State, asked: Asked) -> Done:
    """`.consult`: carried out with the access token of the shopper who agreed."""
    found = state.certifications.get(asked.text("verify_id"))
    if _beside(asked, "auth_token") not in state.tokens:
        return Done(state, _no_token())
    if found is None:
        return Done(state, failed("VERIFY_ID_NOT_EXIST", "认证流水不存在"))
    wrong = {} if found.will_pass else {"fail_reason": "CERT_NO_NOT_MATCH", "fail_params": "cert_no"}
    return Done(state, Said({"passed": "T" if found.will_pass else "F", **wrong}))


def download_certificate(state: State, asked: Asked) -> Done:
    """alipay.open.app.alipaycert.download: the certificate of a serial number, base64 of its PEM."""
    material = state.material
    if asked.text("alipay_cert_sn") != parse_keys(material).alipay_cert_sn:
        return Done(state, failed("CERT_NOT_EXIST", "证书不存在"))
    return Done(state, Said({"alipay_cert_content": b64encode(material.alipay_cert.encode()).decode()}))


def _shopper(code: str) -> str:
    """The one shopper whom everybody knows, or another for every text after the code and a hyphen."""
    if code == LOGIN_CODE:
        return SHOPPER
    if not code.startswith(f"{LOGIN_CODE}-"):
        return ""
    return f"074{hashlib.sha256(code.encode('utf-8', 'replace')).hexdigest()[:44]}"


def _beside(asked: Asked, name: str) -> str:
    """A field that v2 has beside biz_content and v3 in the body."""
    return asked.params.get(name) or asked.text(name)


def _with(state: State, certification: Certification) -> State:
    found: Mapping[str, Certification] = {**state.certifications, certification.certify_id: certification}
    return replace(state, certifications=found)


def _no_token() -> Said:
    return Said(code="20001", sub_code="aop.invalid-auth-token", sub_msg="无效的访问令牌")


def _no_certification() -> Said:
    return failed("CERTIFY_ID_NOT_EXIST", "认证单据不存在")
