"""What the workbench says, by word: one sentence in each language.

Must not know: messages, how a mistake is found.
"""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, Mapping[str, str]] = {
    "kind": {
        "zh-CN": "kind 应为 request、reply（response）、notification（notify）或 client。",
        "en": "kind must be request, reply (response), notification (notify) or client.",
    },
    "message": {
        "zh-CN": "缺少报文：params 应为对象，值是文本或整数；或给出 body 文本。",
        "en": "There is no message: give params, an object of texts and integers, or body, a text.",
    },
    "body": {
        "zh-CN": "body 无法解析：应答是未做 URL 编码的 k=v&k=v，请求和通知是 URL 编码的表单，字段不可重复。",
        "en": "The body cannot be parsed: a reply is k=v&k=v without url-encoding, a request or notification an "
        "url-encoded form; no field comes twice.",
    },
    "method": {
        "zh-CN": "signMethod 应为 01、11 或 12；encoding 应为 UTF-8、GBK、GB2312 或 GB18030。",
        "en": "signMethod must be 01, 11 or 12; encoding must be UTF-8, GBK, GB2312 or GB18030.",
    },
    "encoding": {
        "zh-CN": "有的值无法用报文的 encoding 表示；请检查 encoding。",
        "en": "A value cannot be written in the message's encoding; check `encoding`.",
    },
    "client": {
        "zh-CN": "upsdk.config 需要 params：appId、frontToken、nonceStr、timestamp、url。",
        "en": "upsdk.config needs params: appId, frontToken, nonceStr, timestamp, url.",
    },
    "client_wrong": {
        "zh-CN": "签名不符：检查 frontToken 是否过期、url 是否就是页面地址（不含 # 之后）、timestamp 是否为秒。",
        "en": "The signature does not match: check that frontToken is live, that url is the page's own (without # "
        "and what follows), and that timestamp is in seconds.",
    },
    "signature_missing": {
        "zh-CN": "报文没有 signature。",
        "en": "The message has no signature.",
    },
    "private_key": {
        "zh-CN": "签名需要 key（或 keys）：商户 RSA 私钥（PEM，或不带头尾的 base64）。",
        "en": "Signing needs key (or keys): the merchant's RSA private key (PEM, or base64 without armour).",
    },
    "public_key": {
        "zh-CN": "验签需要公钥：应答和通知看 signPubKeyCert，请求需要 key 给出证书或公钥。",
        "en": "Verifying needs a key: signPubKeyCert in a reply or notification; a certificate as key for a request.",
    },
    "secure_key": {
        "zh-CN": "签名方式 11 和 12 需要 secure_key（可以为空文本）。",
        "en": "Methods 11 and 12 need secure_key, a text (it may be empty).",
    },
    "decrypt": {
        "zh-CN": "解不开：需要商户签名私钥（RSA PKCS#1 v1.5），或 fileContent 不是 base64(zlib)。",
        "en": "It does not decrypt: the merchant's signing key is needed (RSA PKCS#1 v1.5), or fileContent is not "
        "base64 of zlib.",
    },
    "certificate_malformed": {
        "zh-CN": "signPubKeyCert 不是一张完整的 PEM 证书；可能换行被改动或被截断。",
        "en": "signPubKeyCert is not one whole PEM certificate; its line ends may have been changed, or it was cut.",
    },
    "chain": {
        "zh-CN": "signPubKeyCert 不是由给出的根证书和中级证书签发；可能用错了环境的证书，或报文系伪造。",
        "en": "signPubKeyCert is not issued under the given root and intermediate; they may be another "
        "environment's, or the message is forged.",
    },
    "common_name": {
        "zh-CN": "签名证书的 CN 用 @ 分开后第三段不是“中国银联股份有限公司”（测试环境可能是 00040000:SIGN）。",
        "en": "The third part of the certificate's CN, split at @, is not 中国银联股份有限公司 (in some test enviro"
        "nments it is 00040000:SIGN).",
    },
    "dates": {
        "zh-CN": "signPubKeyCert 或其上级证书在此时刻不在有效期内；检查时钟或 now。",
        "en": "signPubKeyCert or a certificate above it is not valid at this time; check the clock, or `now`.",
    },
    "no_roots": {
        "zh-CN": "签名与证书相符，但没有给出 roots：公钥随报文而来，不验证书链就谁都能伪造。请给出 roots，或用 key 给"
        "出签名证书。",
        "en": "The signature fits the certificate, but the key comes with the message, so that without a chain "
        "anybody can forge one: give roots, or the signer's certificate as key.",
    },
    "single_hash": {
        "zh-CN": "只做了一次摘要：5.1.0 先取待签名串 SHA-256 的小写十六进制，再对这 64 个字符做 SHA256withRSA。",
        "en": "It was hashed once: 5.1.0 takes the lower-case hexadecimal SHA-256 of the text, and signs those 64 "
        "characters with SHA256withRSA.",
    },
    "upper_hash": {
        "zh-CN": "摘要的十六进制用了大写，应为小写。",
        "en": "The hexadecimal hash was in upper case; it must be in lower case.",
    },
    "old_version": {
        "zh-CN": "按 5.0.0（两次 SHA-1）签的，但 version 不是 5.0.0。",
        "en": "It was signed as 5.0.0 (hashed with SHA-1), but version does not say 5.0.0.",
    },
    "crlf": {
        "zh-CN": "signPubKeyCert 的 CRLF 换行被改成了 LF（或被去掉）；它参与签名，必须原样保留。",
        "en": "The CRLF line ends of signPubKeyCert became LF, or were dropped; it is signed, so keep it as it came.",
    },
    "last_line": {
        "zh-CN": "signPubKeyCert 末尾多了换行。",
        "en": "signPubKeyCert gained a line end at its end.",
    },
    "plus": {
        "zh-CN": "值里的 + 变成了空格：多解码了一次；应答体没有做 URL 编码，不要解码（也不要用 parse_qs）。",
        "en": "A + in a value became a space: it was decoded twice, or it is a reply's body, which is not "
        "url-encoded: do not decode that (nor use parse_qs).",
    },
    "decoded": {
        "zh-CN": "值还带着 %XX：通知是 URL 编码的表单，要先解码一次再验签。",
        "en": "A value still has %XX in it: a notification is an url-encoded form; decode it once, then verify.",
    },
    "empty": {
        "zh-CN": "空值字段也被拼进了待签名串；空值不参与签名。",
        "en": "Empty fields were put into the text that is signed; they are left out.",
    },
    "braces": {
        "zh-CN": "{} 或 [] 里的 & 和 = 被拆开了；花括号内是一个值。",
        "en": "What stands in {} or [] was split at & or =; braces hold one value.",
    },
    "other_encoding": {
        "zh-CN": "签名时用的字符集与报文的 encoding 不同。",
        "en": "It was signed in another encoding than the message's.",
    },
    "url_encoded": {
        "zh-CN": "待签名串里的值做了 URL 编码；应使用原始值。",
        "en": "The values were url-encoded in the text that is signed; they must be as they are.",
    },
    "unhashed_key": {
        "zh-CN": "secure_key 没有先取摘要：应拼接 & 加 hash(secure_key) 的小写十六进制。",
        "en": "secure_key was not hashed first: append & and the lower-case hexadecimal hash of it.",
    },
    "other_method": {
        "zh-CN": "11 是 SHA-256，12 是 SM3；用的是另一个。",
        "en": "11 is SHA-256 and 12 is SM3; the other one was used.",
    },
    "upper_signature": {
        "zh-CN": "signature 用了大写十六进制，应为小写。",
        "en": "The signature is in upper-case hexadecimal; it must be in lower case.",
    },
    "now": {
        "zh-CN": "now 无法读取：应为 Unix 秒，或带时区的 ISO 8601 时间。",
        "en": "now cannot be read: give Unix seconds, or an ISO 8601 time with its offset.",
    },
    "roots": {
        "zh-CN": "roots 中没有可读的证书：给出 PEM 或不带头尾的 base64，一张、多张、数组或对象均可。",
        "en": "roots holds no readable certificate: give PEM or base64 without armour, as one text, a list or an "
        "object.",
    },
    "chain_not_judged": {
        "zh-CN": "签名与给出的 key 相符；没有给出 roots，证书链未验证。",
        "en": "The signature fits the key that was given; there are no roots, so the chain was not judged.",
    },
    "other_certificate": {
        "zh-CN": "给出的 key 不对：报文是由 signPubKeyCert 中另一张证书签的。",
        "en": "It is the wrong key: the message is signed by another certificate, the one in its signPubKeyCert.",
    },
    "new_version": {
        "zh-CN": "按 5.1.0（SHA-256）签的，但 version 是 5.0.0。",
        "en": "It was signed as 5.1.0 (hashed with SHA-256), but version says 5.0.0.",
    },
    "decoded_twice": {
        "zh-CN": "值被解码了两次（如 %25 变成 %、+ 变成空格）；通知只解码一次，应答不解码。",
        "en": "A value was decoded twice (%25 became %, or + a space): decode a notification once, and a reply never.",
    },
    "encoded_reply": {
        "zh-CN": "应答体被做了 URL 编码；应给出原样收到的应答体（k=v&k=v，不编码）。",
        "en": "The reply is given url-encoded; give its body as it came, k=v&k=v without url-encoding.",
    },
    "unencoded_form": {
        "zh-CN": "通知或请求的 body 没有 URL 编码；应给出原样收到的表单，或用 kind reply，或给 params。",
        "en": "The body of this notification or request is not url-encoded; give the form as it came, or params, "
        "or say kind reply.",
    },
    "wrong_key": {
        "zh-CN": "公钥不对：这个签名不是由与之成对的私钥签出的；检查证书、商户号与环境是否对应。",
        "en": "It is the wrong key: the signature was not made with this key's private half; check that "
        "certificate, merchant and environment belong together.",
    },
    "altered": {
        "zh-CN": "密钥是对的，但签的是另一段文本：有字段增加、丢失或改动；请逐字比较 to_sign 和 hash。",
        "en": "The key is right, but another text was signed: a field was added, lost or changed; compare to_sign "
        "and its hash with the signer's.",
    },
    "keyed_wrong": {
        "zh-CN": "哈希不符：secure_key 不对，或有字段增减或改动；请比较 to_sign 和 key_hash。",
        "en": "The hash does not match: it is the wrong key (secure_key), or a field was added, lost or changed; "
        "compare to_sign and key_hash with the signer's.",
    },
    "no_base64": {
        "zh-CN": "signature 不是一个完整的 RSA 签名的 base64。",
        "en": "The signature is not base64 of one whole RSA signature.",
    },
}
"""One sentence by word and language: what is wrong, and what to do."""
