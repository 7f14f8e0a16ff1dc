"""What the workbench says of a message that fails, by cause and language. Must not know: how causes are found."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, Mapping[str, str]] = {
    "input": {
        "zh-CN": "输入不完整：需要 kind，以及 params 或 body（v3 还需 timestamp、nonce 或 authorization）。",
        "en": "The input is incomplete: kind, and params or body (v3: timestamp and nonce, or authorization).",
    },
    "no_signature": {
        "zh-CN": "消息里没有 sign。网关在认出应用之前的报错不带签名。",
        "en": "The message has no sign. The gateway's errors from before it knows the application carry none.",
    },
    "no_private_key": {
        "zh-CN": "key 不是未加密的 RSA 私钥（PEM 或纯 base64，PKCS#1 或 PKCS#8，至少 2048 位）。",
        "en": "key is no unencrypted RSA private key (PEM or bare base64, PKCS#1 or PKCS#8, at least 2048 bits).",
    },
    "no_public_key": {
        "zh-CN": "key 或 keys 里没有 RSA 公钥或证书（PEM 或纯 base64，至少 2048 位）。",
        "en": "key and keys hold no RSA public key or certificate (PEM or bare base64, at least 2048 bits).",
    },
    "no_aes_key": {
        "zh-CN": "aes_key 必须是 16 字节的 base64。",
        "en": "aes_key must be the base64 of 16 bytes.",
    },
    "nothing_sealed": {
        "zh-CN": "没有找到密文：请求看 biz_content 和 encrypt_type，应答看节点字符串，小程序看 response。",
        "en": "There is no ciphertext in biz_content with encrypt_type, in a node that is a string, or in response.",
    },
    "wrong_aes_key": {
        "zh-CN": "无法解密：aes_key 与开放平台上的不同，或密文被改动。",
        "en": "It does not decrypt: aes_key is not the one in the console, or the ciphertext was changed.",
    },
    "wrong_serial": {
        "zh-CN": "alipay_cert_sn 不是给出的任何一个证书：用 alipay.open.app.alipaycert.download 下载新证书。",
        "en": "alipay_cert_sn is none of the certificates given: fetch it with alipay.open.app.alipaycert.download.",
    },
    "wrong_root": {
        "zh-CN": "证书不是由给出的根证书签发的。",
        "en": "The certificate is not issued under the roots given.",
    },
    "unreadable_roots": {
        "zh-CN": "roots 中有不是证书的内容，无法核对证书链。",
        "en": "roots has something that is no certificate: the chain cannot be checked.",
    },
    "no_certificate": {
        "zh-CN": "给了 roots，但验签的密钥不是以证书给出的，无法核对。",
        "en": "roots are given, but the key that verifies came without a certificate to check under them.",
    },
    "dates": {
        "zh-CN": "证书（或其上级）在 now 时不在有效期内。",
        "en": "The certificate, or one above it, is not valid at now: expired, or not yet begun.",
    },
    "now": {
        "zh-CN": "now 必须是 Unix 秒数，或带时区的 ISO 时间。",
        "en": "now must be Unix seconds, or an ISO time with its offset.",
    },
    "no_node": {
        "zh-CN": "应答里没有找到节点：检查 node 的名称。",
        "en": "The node was not found in the reply: check its name in node.",
    },
    "likely_reserialised": {
        "zh-CN": "密钥是对的，内容不同：很可能 JSON 被重新序列化过，请从原文截取节点；否则是字段被改动。",
        "en": "The key is right and the text differs: most likely it was re-serialised (cut it from the raw text), "
        "or else a field was changed.",
    },
    "clock": {
        "zh-CN": "时间超出范围：检查本机时钟（请求允许十分钟），或者这是一条旧通知。",
        "en": "The time is out of range: check the clock (requests: ten minutes), or this is an old notification.",
    },
    "sign_type": {
        "zh-CN": "sign_type 弄反了：请求签名保留 sign_type，异步通知（V1）去掉 sign_type。",
        "en": "sign_type is on the wrong side: a request's signature keeps it, a notification's (V1) leaves it out.",
    },
    "quotes": {
        "zh-CN": "加密应答的待验签内容是带双引号的密文字符串。",
        "en": "What is signed of an encrypted reply is the ciphertext with its double quotes.",
    },
    "slashes": {
        "zh-CN": "斜杠转义被改动：原文里的 \\/ 与 / 必须原样验签。",
        "en": "Slashes were escaped or unescaped: verify \\/ and / exactly as they came.",
    },
    "reserialised": {
        "zh-CN": "JSON 被重新序列化过：请在收到的原文里截取节点，不要解析后再生成。",
        "en": "The JSON was re-serialised: cut the node out of the text that arrived, do not write it again.",
    },
    "decoded_twice": {
        "zh-CN": "参数被解码了两次：+ 或 % 本是值的一部分，URL 解码只做一次。",
        "en": "The parameters were decoded twice: + or % belonged to a value; decode the form exactly once.",
    },
    "not_decoded": {
        "zh-CN": "参数没有解码：签名用的是 URL 解码之后的值。",
        "en": "The parameters were not decoded: the signature is over decoded values.",
    },
    "empty_kept": {
        "zh-CN": "空值参数也被签名了：空值不参与签名。",
        "en": "Empty parameters were signed too: they take no part in the signature.",
    },
    "line_feed": {
        "zh-CN": "换行符（CRLF 或 LF）不对：每行以 \\n 结尾，最后一行也是，正文里的换行必须原样。",
        "en": "Line ends (CRLF or LF) are wrong: each line ends with \\n, the last too; a body's stay as they came.",
    },
    "charset": {
        "zh-CN": "字符集不对：签名用的是 charset 参数指明的字符集。",
        "en": "The charset is wrong: the signature is over bytes in the charset that the parameter names.",
    },
    "no_base64": {
        "zh-CN": "sign 不是 base64：URL 里的 + 可能变成了空格。",
        "en": "sign is not base64: decoded twice, its + become spaces.",
    },
    "hash": {
        "zh-CN": "摘要算法不对：RSA2 是 SHA-256，RSA 是 SHA-1。",
        "en": "The digest is another one: RSA2 is SHA-256, RSA is SHA-1.",
    },
    "text": {
        "zh-CN": "密钥是对的，内容不同：签名之后有字段被改动、漏掉或多出（验签不要用字段白名单）。",
        "en": "The key is right and the text differs: a field was changed, left out or added (verify every field).",
    },
    "app_key": {
        "zh-CN": "用错了公钥：应当用支付宝公钥，而不是应用公钥。",
        "en": "The wrong key, the application's own: Alipay's messages verify with Alipay's public key.",
    },
    "other_key": {
        "zh-CN": "签名不是这把密钥的：检查应用、环境（沙箱或正式），以及是应用公钥还是支付宝公钥。",
        "en": "The wrong key: another one signed. Check application, environment, Alipay's key against your own.",
    },
}
