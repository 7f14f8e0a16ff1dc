"""Signatures that WeChat Pay's own documentation prints, against our codec and against the sandbox's reading.

The private key is the documentation's test key of mchid 1900007291, published so that developers can check themselves.
Sources: pay.weixin.qq.com/doc/v3/merchant/4012365336 (request), 4012365341 (paySign), "签名验证" (reply, public key).
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.sandbox.wire import is_signed_by_merchant, why_unsigned
from shunfu.channels.wechatpay.tests.rig import flip, keys, settings
from shunfu.gateway.flow import Request
from shunfu.gateway.port import Moment

MERCHANT_PRIVATE_KEY = """\
-----BEGIN PRIVATE KEY-----
MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCm2mb6q8gMKH/3
CNTbpJAIrbqiBiQGEOtjGcBrDYltsGynWgNscqT7WvfzU14FQbYcQUC5T4Wvva7m
i3fIp3OgX8VqMDNA0qebnr38Pe6kqiLyZgFpJPXlSKDyPyqhRbVTbXssvSMQeVKc
dXeVxoNNeoOlNFHgF/P0io6AmAVnz+hN8SiZKuOsth5/zUTLGvtkgxBcQooQrtXh
RcpLT798OyIb9xeJ2HO3xRtMv2+perEzb4gMibI74UBz+2QEbnkubPE+2jU2rRZu
dnNEz/BPOt3Qj/w2V6/G0VumGDh6+UeMU0jv4aupHztWITC4Akn0l7lBCNy3lgl8
VFaJnkIxAgMBAAECggEAYGL8aESB7NwciDWW2UdoWUsa7GxFtSdjAz2mFXGdeTsY
mVh7b9OOkRGM+Qio4LqEHDBp1mMk5E/cUJwy1zw8pGGO5nfvs7u9TT3XnHaefIs4
YvUgTYAneIuLRkXNN5rQU+CD7mVYczTSz0Vgjqo9wa1LjUz7G0xbBmJgTdMEFGJs
eJjy6AbJo0CGIwp6HJbTm4CmOUgXnnDAIbEGTIRImkZFH/rzneIeR7oZ77FVwxr1
CZB2gfRCov/yRPbw8vnryYkmvQ7D/ze3j5097vRg/MoDGBSdoOwcmo75vyofr0AS
zytMjmHYyifqkf5slPropSiJeGf4p/7gtKyF6dE/XQKBgQDVAlJ+4U5ZVGOuDc3+
sAhz8CTzgFNlq9vKuSoFK6hOz2L+cwj+E7NXGkOe2DsHHZNy2Xqxk7caKhPEp1z9
hhpMpyLVMoFt6CKemyoRBWDCQwLLwem9SZF/IAyovBkLiH36P42Jm26gUkNMKC/5
Zhtqxf6RZgRQzbVudJi47vIRCwKBgQDIh0+v27Oo+DM3fhObH4I1NrXpWOEGH7OQ
G1dEsMuFYF4hjGhg0kBEP3w9vVdl2+mRllZKTsx9oqjb8OibPLLIH8xsdbAB0WLf
JvjLu4wl/ILUzN1RI03dWnnv2EnEeQn6c3hizvrJ9wR5U4ue9RPVnQooJ0hZF1PU
uCL5fWK3MwKBgElReU/PAYbh80WP3t3Rfbdaa32dKBeQ5iCLR5lsA4zM+YgX1HqQ
EWTj126vgvHaDkyz6vWAoL/Sx+cirHFfXWIRDX5Q2hgYlQH+6qXdMgbrxeSYpHnQ
/tHBGFpkFELSAnrGsVMyOwvYBO4LzyeLK9i+ufcWJFoj1FVmsMLHDG8tAoGARdbi
iQQCoYG4DMarO2aQ6cmhN6EN1h0qY7EyBqlwaIZ0okiNfdMcMOjPc41DKCWcRmlO
qlihXcxN9TQFPzO3rH1urAOdBjUPs1qWYhZyrDQyuLyVBBJApyxAtajloDjrob+f
mQIvVDHk7ACN6xG+E7K6+9salnTKbJapD618uQMCgYBNy6XUvzLkP/A1U/UZdtcx
l8GwU/dturLxz4CyGbqDw4ubaYY2e13lnqHUqQgPtiSyH51nq3tdo8G0YAJdfkSv
KvnfslW91fyEBUKnkdW1o3/1UFU/wprZ7ixVL/F42A4xDu7OFE8EnweJOZ0jWceE
OdhCkaIGBCfRnlECRK8UyQ==
-----END PRIVATE KEY-----
"""
WECHATPAY_PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwXNI6sdlknHBnK8Fu2U6
Cwor9qY747jP8KAfeBMeveEt1TqaHkLfaSD07trZLhGpfs8/AHqjhgSMO1O10YQW
OrrJ4hjIWPKqxbgrYMkBQc+mwdiWp4W3ByCqxBRagCveCXRWCmuJYovl9H/bsDI0
iGbpVtEOghJtfciisYSgxcLufUDTRkvwxjIBK1pCRjk33jJ5YTBWTHMRtMAOcFLN
F6hdEYdX8SPsgHHeLZ5Lv2T/686w1xtgCHef/sd4uSfWmyzsalQdHG/e4IyYmrhx
+O3VBoNDzE3nx23bFeV/RVNCG7cV6VhmYokJNHa/erIPkEmEFID6A5wQOXuxUkmJ
WwIDAQAB
-----END PUBLIC KEY-----
"""
OLDER_PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA4zej1cqugGQtVSY2Ah8R
MCKcr2UpZ8Npo+5Ja9xpFPYkWHaF1Gjrn3d5kcwAFuHHcfdc3yxDYx6+9grvJnCA
2zQzWjzVRa3BJ5LTMj6yqvhEmtvjO9D1xbFTA2m3kyjxlaIar/RYHZSslT4VmjIa
tW9KJCDKkwpM6x/RIWL8wwfFwgz2q3Zcrff1y72nB8p8P12ndH7GSLoY6d2Tv0OB
2+We2Kyy2+QzfGXOmLp7UK/pFQjJjzhSf9jxaWJXYKIBxpGlddbRZj9PqvFPTiep
8rvfKGNZF9Q6QaMYTpTp/uKQ3YvpDlyeQlYe4rRFauH3mOE6j56QlYQWivknDX9V
rwIDAQAB
-----END PUBLIC KEY-----
"""
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
ORDER_BODY = (
    '{"appid":"wxd678efh567hg6787","mchid":"1900007291","description":"Image形象店-深圳腾大-'
    'QQ公仔","out_trade_no":"1217752501201407033233368018","notify_url":"https://www.we'
    'ixin.qq.com/wxpay/pay.php","amount":{"total":100,"currency":"CNY"},"payer":{"ope'
    'nid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}'
)
ORDER_SIGNATURE = (
    "jnks4dlrPw3ZX+ozVvSK39oa0t7OMBsg83BHAwd8BRdUFiVaQNTLTvci+wURgP1OQBbKYhFGvt7iqYpDSTQkp7Uq1sltaQKyncCy"
    "rA1g88m5bsKERQfPyT0ahSwKTYJ1CAn9QiJuSJRq1QsQs07eehbU/k9BCS51jTyc1Jpsi2H77HF9f/BnjXAOP3/sPObg6V5Ee4Ez"
    "wLox684hhuMuIwHo7D8KFk3LIHOKDcNI4It1aCXydFWNpNK+SG86VUDe5kwoDpw4Ulqfu9z8OFDGbDs9TCxEv8iqQzbpxOlEVoOe"
    "2kalSYM5kApQb3nZcxdUtoE0liJGW3RGUNE0t4v01A=="
)
PAY_SIGN = (
    "mI35pfNEQV6777ke/1T+LJLQDNTm7yeoUJH+j/adPGhmCCi0PbgkvYQTRcXH0uibcLVtvFLdGLpmoYO9FV6lBBsTAjuhh5YOvQi0"
    "e2g3e0yytitiNET9FEuqM0pjnKfRW4K6LIZDdbWJv9KhZUx3DrJa5TL7OJ7VdADVivxVySIlPVKjGwuCXzuXSJes0UcILgWQUMyh"
    "a5/3nYofuHtS7r+KYyMuxD+oJ9VM1Qdxk4UIG59CP5Y3wtYIFybyF3bdu1caHTRRX+DLyMXyYA/IrTmiW01c4RPjpHBX5Dk1sZyY"
    "1zVsWNsvMHr2e1NTWtBxKJ+qk5N61J7caYoepHFaxw=="
)
APP_SIGN = (
    "gXx9KhTP6IooKV1SuG3OCGlBIgZbKtubCZvnau6khw1iffvNT28IzLbKmztq2xA/RCNbZa1XOsoiuVmAEeTZQicWfhv4P+O4oBRI"
    "rx0X9f3cnWFkMBU9alTWs0nyQ1N9fcILOTe0f4kxOhVh+/Xhn5hOiUK7Sz3XA1mcpa3R2NCWf/e+0ow/RDf15iTymOHgDrEkT/ge"
    "dg/3E0iXfDX3mFicSZhrHESZDOTXcl9RzELREBUFznd/o2NQM99WcL86m23HY0cTy+QGWU4QDmNrbQ9ihmLW71qPb0Cx/d7EQvw/"
    "Kyx0A6s64ZQp3hHdcmiRcLnjVXrKCk7LShaCK+lS3Q=="
)
REPLY_BODY = '{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}'
REPLY_KEY_ID = "PUB_KEY_ID_0000000000000024101100397200000006"
REPLY_TIMESTAMP, REPLY_NONCE = "1722850421", "d824f2e086d3c1df967785d13fcd22ef"
REPLY_SIGNATURE = (
    "mfI1CPqvBrgcXfgXMFjdNIhBf27ACE2YyeWsWV9ZI7T7RU0vHvbQpu9Z32ogzc+k8ZC5n3kz7h70eWKjgqNdKQF0eRp8mVKlmfzM"
    "LBVHbssB9jEZEDXThOX1XFqX7s7ymia1hoHQxQagPGzkdWxtlZPZ4ZPvr1RiqkgAu6Is8MZgXXrRoBKqjmSdrP1N7uxzJ/cjfSii"
    "s9FiLjuADoqmQ1P7p2N876YPAol7Rn0+GswwAwxldbdLrmVSjfytfSBJFqTMHn4itojgxSWWN1byuckQt8hSTEv/Lg97QoeGniYP"
    "17T80pJeQyL3b+295FPHSO2AtvCgyIbKMZ0BALilAA=="
)
ELIDED_MESSAGE = (
    '1554209980\nc5ac7061fccab6bf3e254dcf98995b8c\n{"data":[{"serial_no":"5157F09EFDC09'
    '6DE15EBE81A47057A7232F1B8E1","effective_time":"2018-03-26T11:39:50+08:00","expir'
    'e_time":"2023-03-25T11:39:50+08:00","encrypt_certificate":{"algorithm":"AEAD_AES'
    '_256_GCM","nonce":"4de73afd28b6","associated_data":"certificate","ciphertext":".'
    '.."}}]}\n'
)
ELIDED_SIGNATURE = (
    "CtcbzwtQjN8rnOXItEBJ5aQFSnIXESeV28Pr2YEmf9wsDQ8Nx25ytW6FXBCAFdrr0mgqngX3AD9gNzjnNHzSGTPBSsaEkIfhPF4b"
    "8YRRTpny88tNLyprXA0GU5ID3DkZHpjFkX1hAp/D0fva2GKjGRLtvYbtUk/OLYqFuzbjt3yOBzJSKQqJsvbXILffgAmX4pKql+Ln"
    "+6UPvSCeKwznvtPaEx+9nMBmKu7Wpbqm/+2ksc0XwjD+xlvlECkCxfD/OJ4gN3IurE0fpjxIkvHDiinQmk51BI7zQD8k1znU7r/s"
    "pPqB+vZjc5ep6DC5wZUpFu5vJ8MoNKjCu8wnzyCFdA=="
)
PREPAY_ID = "wx201410272009395522657a690389285100"


def merchant_key() -> RSAPrivateKey:
    key = load_pem_private_key(MERCHANT_PRIVATE_KEY.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def public_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, RSAPublicKey)
    return key


DOCUMENTED = replace(
    settings(),
    mchid="1900007291",
    appid="wx2421b1c4370ec43b",
    merchant_serial="408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB",
    merchant_private_key=merchant_key(),
    wechat_keys={REPLY_KEY_ID: public_key(WECHATPAY_PUBLIC_KEY)},
)
SIGNED_AT = datetime.fromtimestamp(1554208460, UTC)


def test_request_signature_is_the_printed_one() -> None:
    request = codec.build_request(
        DOCUMENTED, codec.Line("POST", "/v3/pay/transactions/jsapi"), Moment(SIGNED_AT, NONCE), ORDER_BODY
    )
    authorization = dict(request.headers)["Authorization"]
    assert f'signature="{ORDER_SIGNATURE}"' in authorization
    assert authorization.startswith('WECHATPAY2-SHA256-RSA2048 mchid="1900007291",')
    assert request.body == ORDER_BODY.encode()


def test_pay_sign_is_the_printed_one() -> None:
    params = codec.pay_params(DOCUMENTED, DOCUMENTED.appid, PREPAY_ID, Moment(SIGNED_AT, NONCE))
    assert params["paySign"] == PAY_SIGN
    assert params["package"] == f"prepay_id={PREPAY_ID}"
    assert params["timeStamp"] == "1554208460"


def test_app_signature_is_not_a_mini_program_signature() -> None:
    bare = codec.sign(merchant_key(), "wx2421b1c4370ec43b", "1554208460", NONCE, PREPAY_ID)
    assert bare == APP_SIGN != PAY_SIGN


def test_reply_in_public_key_mode_verifies() -> None:
    now = datetime.fromtimestamp(int(REPLY_TIMESTAMP) + 1, UTC)
    headers = {
        "wechatpay-timestamp": REPLY_TIMESTAMP,
        "wechatpay-nonce": REPLY_NONCE,
        "wechatpay-serial": REPLY_KEY_ID,
        "wechatpay-signature": REPLY_SIGNATURE,
        "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
    }
    assert codec.verify(DOCUMENTED, headers, REPLY_BODY.encode(), now) is None
    assert codec.verify(DOCUMENTED, headers, flip(REPLY_BODY.encode(), 7), now) is not None


def test_example_with_elided_ciphertext_does_not_verify() -> None:
    with pytest.raises(InvalidSignature):
        public_key(OLDER_PUBLIC_KEY).verify(b64decode(ELIDED_SIGNATURE), ELIDED_MESSAGE.encode(), PKCS1v15(), SHA256())


def test_sandbox_reads_the_printed_request() -> None:
    material = replace(keys().material, mchid="1900007291", merchant_serial="408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB")
    documented = replace(keys(), material=material, merchant=merchant_key().public_key())
    authorization = (
        f'WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="{NONCE}",signature="{ORDER_SIGNATURE}",'
        'timestamp="1554208460",serial_no="408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"'
    )
    request = Request(
        "POST", "http://any/v3/pay/transactions/jsapi", (("Authorization", authorization),), ORDER_BODY.encode()
    )
    assert why_unsigned(documented, request, SIGNED_AT) is None
    assert why_unsigned(documented, replace(request, body=flip(request.body, 3)), SIGNED_AT) is not None
    message = f"wx2421b1c4370ec43b\n1554208460\n{NONCE}\nprepay_id={PREPAY_ID}\n".encode()
    assert is_signed_by_merchant(documented, message, PAY_SIGN)
    assert not is_signed_by_merchant(documented, message, APP_SIGN)
