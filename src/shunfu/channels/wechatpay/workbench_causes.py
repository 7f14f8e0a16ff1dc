"""Why a signature does not hold, in sentences that hold the words people search for: the cause, and what to do.

Must not know: how a cause is found. The list is what people ask in the trackers of WeChat Pay's clients.
"""

from __future__ import annotations

from collections.abc import Mapping

CAUSES: Mapping[str, tuple[str, str]] = {
    "member_missing": (
        "输入缺少 {what}，或它不是文本。请按原样给出。",
        "The member {what} is missing or is not a text. Give it exactly as it is on the wire.",
    ),
    "key_missing": (
        "没有可用的密钥。签名要商户API私钥；验签要 key，或 keys 中与 serial 同名的密钥。",
        (
            "There is no key. Signing takes the merchant's private key; verifying takes `key`, or `keys` with "
            "one named as the serial."
        ),
    ),
    "key_broken": (
        "{what} 不是 RSA 密钥或证书。请检查是否完整复制（PEM 或不带头尾的 base64）。",
        "{what} is no RSA key or certificate. Check that it was copied whole (PEM, or base64 without armour).",
    ),
    "key_public": (
        "签名需要私钥，而给出的是公钥或证书。请用 apiclient_key.pem。",
        "Signing needs a private key, and this is a public key or a certificate. Use apiclient_key.pem.",
    ),
    "serial_unknown": (
        "序列号 {what} 没有对应的密钥。平台证书可能已轮换：请下载新证书，或补充微信支付公钥。",
        (
            "There is no key for serial {what}. The platform certificate may have been rotated: download the new "
            "one, or add the WeChat Pay public key."
        ),
    ),
    "serial_other_kind": (
        "报文由 {what} 签名，而手上只有另一种密钥（平台证书与微信支付公钥不同）。切换期间两种都要配置。",
        (
            "The message is signed by {what}, and only the other kind of key is at hand (platform certificate or "
            "WeChat Pay public key). Configure both during the switch."
        ),
    ),
    "timestamp": (
        (
            "签名正确，但时间戳与当前时间相差 {what} 秒，而允许的范围在 300 秒以内。请校准服务器时间（NTP），"
            "或这是重放的旧报文。时间戳以秒为单位。"
        ),
        (
            "The signature holds, but its timestamp is {what} seconds from now; it must be within 300. Set the "
            "server's clock by NTP; or this is an old message replayed. Timestamps count seconds, not milliseconds."
        ),
    ),
    "probe": (
        ("这是微信支付的签名探测（WECHATPAY/SIGNTEST/）。验签失败是正确的：应答失败状态码，等待正确签名的重发。"),
        (
            "This is WeChat Pay's probe (WECHATPAY/SIGNTEST/). To fail is right: answer with a failure status "
            "and wait for the genuine message."
        ),
    ),
    "signature_escaped": (
        "签名值在传输中被改写（URL 编码，或 + 变成空格）。请使用请求头的原始值。",
        (
            "The signature was rewritten on the way (percent-encoded, or its + became blanks). Use the header's "
            "raw value."
        ),
    ),
    "signature_not_base64": (
        "签名值不是 base64。请检查是否被截断或夹带换行。",
        "The signature is not base64. Check whether it was cut off or has line breaks in it.",
    ),
    "reserialised": (
        ("报文体被重新序列化过（{what}）。请用收到或发出的原始字节签名和验签，不要先解析再转回 JSON。"),
        (
            "The body was re-serialised ({what}). Sign and verify the exact bytes received or sent; never parse "
            "and write the JSON anew."
        ),
    ),
    "line_ends": (
        ("报文体的换行被改写（{what}），如 CRLF 变成 LF。请按原始字节读取，不要转换换行或去除首尾空白。"),
        (
            "The line ends of the body were changed ({what}), as when CRLF is stripped. Read raw bytes; do not "
            "convert line ends or strip blanks."
        ),
    ),
    "double_decoding": (
        ("编码与实际发送的不一致（{what}），如被解码或编码两次。请使用实际发送的、未解码的路径、查询串与报文体。"),
        (
            "The percent-encoding is not as it was sent ({what}), as when it is decoded twice. Use path, query "
            "and body exactly as sent, not decoded."
        ),
    ),
    "url_host": (
        ("签名串里的 URL 不对：只签路径和查询串，以 / 开头，不带协议和域名。"),
        (
            "The whole URL with its host was signed, or one without its first slash. Sign only path and query, "
            "beginning with a slash."
        ),
    ),
    "url_query": (
        "签名串里缺少查询串。GET 请求的 ?参数 也要参与签名。",
        "The query was left out. What follows the question mark is signed too.",
    ),
    "swapped": (
        "时间戳和随机串的顺序颠倒了。顺序是时间戳在前，随机串在后。",
        "Timestamp and nonce are swapped. The timestamp comes first, then the nonce.",
    ),
    "last_line_feed": (
        "签名串最后一行少了换行符。每一行都以 \\n 结束，包括最后一行。",
        ("The last line lacks its line feed. Every line ends with one, the last too, also when the body is empty."),
    ),
    "method": (
        ("签名串里的请求方法是 {what}，与实际请求不同。方法要与请求一致，并且大写。"),
        ("The method was signed as {what}. It must be the request's own, in capital letters."),
    ),
    "body_left_out": (
        "签名时没有带上报文体。请把实际发送的报文体放在最后一行。",
        "The body was left out when signing. Put the exact body that is sent into the last line.",
    ),
    "package": (
        "第四行不对：小程序和 JSAPI 签 prepay_id=wx…，App 签不带前缀的 prepay_id。",
        "The fourth line is wrong: mini-programs and JSAPI sign prepay_id=wx…, apps sign the bare prepay_id.",
    ),
    "other_key": (
        (
            "密钥用错：签名与密钥 {what} 相符，与所用密钥不符。验微信支付的签名用其公钥或平台证书，"
            "而非商户证书；请按 serial 选择。"
        ),
        (
            "Wrong key: the signature was made with the key {what}, not with the one used. WeChat Pay's signatures "
            "are verified with its public key or platform certificate, never with the merchant's; choose by "
            "the serial."
        ),
    ),
    "merchant_key": (
        ("密钥用错：用商户私钥验微信支付的签名必然失败。请用微信支付公钥（PUB_KEY_ID_ 对应）或平台证书。"),
        (
            "Wrong key: a merchant's private key never verifies what WeChat Pay signed. Use the WeChat Pay public "
            "key (the one of the PUB_KEY_ID_) or the platform certificate."
        ),
    ),
    "timestamp_broken": (
        ("签名正确，但时间戳不是 Unix 秒数（最多 12 位数字），无法与当前时间比较。"),
        (
            "The signature holds, but the timestamp is not Unix seconds in digits, so that no clock can be compared "
            "with it."
        ),
    ),
    "now_broken": (
        ("now 不是时间。请给出 Unix 秒数，或带时区的 ISO 8601 时间（如 2026-01-02T03:04:05+08:00）。"),
        ("`now` is no time. Give Unix seconds, or an ISO 8601 time with its offset, as in 2026-01-02T03:04:05+08:00."),
    ),
    "other_json": (
        (
            "密钥正确（签名确由此密钥作出），但签的是另一段文本。报文体是 JSON，最可能是被重新序列化过："
            "键的顺序、空格、换行（CRLF）、数字写法或转义改变。请用原始字节。若已是原始字节，请核对时间戳、"
            "随机串与报文体属于同一条报文且未被改动；请求还要核对方法、路径及完整查询串。"
        ),
        (
            "It is the right key, which did sign, but another text. The body is JSON, so most likely it was "
            "re-serialised: order of members, blanks, CRLF line ends, spelling of numbers or escapes changed. Use the "
            "raw bytes. If they are, check that timestamp, nonce and body are of one message and nothing in it was "
            "altered; for a request also the method, and the path with its whole query."
        ),
    ),
    "other_text": (
        (
            "密钥正确（签名确由此密钥作出），但签的是另一段文本。请核对时间戳、随机串与报文体都是同一条报文的原始"
            "值：报文体未截断、未转换编码或换行（CRLF）。"
        ),
        (
            "It is the right key, which did sign, but another text. Check that timestamp, nonce and body are "
            "the raw values of one message, and the body not cut off, decoded, or its CRLF line ends stripped."
        ),
    ),
    "other_request": (
        (
            "密钥正确（签名确由此密钥作出），但签的是另一段文本。请逐行核对：请求方法、路径及完整查询串、"
            "时间戳、随机串、实际发送的报文体。"
        ),
        (
            "It is the right key, which did sign, but another text. Compare line by line: method, path with "
            "its whole query, timestamp, nonce, and the body exactly as sent."
        ),
    ),
    "other_client": (
        (
            "密钥正确（签名确由此密钥作出），但签的是另一段文本。请核对 appid、时间戳、随机串与 package "
            "正是交给客户端的那一组值。"
        ),
        (
            "It is the right key, which did sign, but another text. Check that appid, timestamp, nonce and package "
            "are the very values handed to the client."
        ),
    ),
    "query_lost": (
        (
            "密钥正确，但签的是另一段文本；给出的 URL 没有查询串，最可能是 ?参数 丢失了。请给出实际请求的完整路径"
            "和查询串。"
        ),
        (
            "It is the right key, but it signed another text; the address given has no query, so most likely "
            "the query was lost. Give the whole path and query of the request, and check method and body."
        ),
    ),
    "wrong_key": (
        (
            "密钥不对：签名不是由此密钥作出的。验微信支付的签名用微信支付公钥或平台证书，验商户请求用商户证书；"
            "请按 serial 选择，并核对商户号与环境。若密钥确实无误，则签名值被改动过。"
        ),
        (
            "Wrong key: this key did not make the signature, whatever the text was. What WeChat Pay signs takes "
            "its public key or platform certificate, what the merchant signs the merchant's; choose by the serial, "
            "and check merchant and environment. If the key is certain, the signature itself was altered."
        ),
    ),
    "line_ends_signed": (
        ("签名串的各行以 CRLF（\\r\\n）结束。每一行只能以 LF（\\n）结束，包括最后一行。"),
        ("The text was signed with CRLF line ends. Each line ends with a single line feed (LF), the last too."),
    ),
    "charset": (
        ("报文体的字符编码不对（{what}）。按 UTF-8 的原始字节签名和验签，不要用 GBK 或 Latin-1 解码。"),
        (
            "The body's character set is wrong ({what}). Sign and verify the raw bytes, which are UTF-8; do "
            "not decode them as GBK or Latin-1 (mojibake)."
        ),
    ),
    "api_v3_key": (
        "api_v3_key 必须正好是 32 个 ASCII 字符。它不是 APIv2 密钥，也不是 AppSecret。",
        "api_v3_key must be exactly 32 ASCII characters. It is neither the APIv2 key nor the AppSecret.",
    ),
    "nothing_sealed": (
        ("没有找到密文：请在 body 中给出含 resource 的通知、证书应答，或在 ciphertext 给出敏感字段并附商户私钥。"),
        (
            "There is nothing to decrypt: give a notification with its resource or the certificates reply as "
            "`body`, or a sensitive field as `ciphertext` with the merchant's private key."
        ),
    ),
    "not_opened": (
        ("解密失败：api_v3_key 与加密时的不一致（后台重置后旧值失效），或 nonce、associated_data、ciphertext 被改动。"),
        (
            "It does not decrypt: the api_v3_key is not the one that sealed it (a reset in the console ends the "
            "old one), or nonce, associated_data or ciphertext was changed."
        ),
    ),
    "field_not_opened": (
        "敏感字段解密失败：应答中的敏感字段用商户API证书加密，请使用对应的商户私钥（RSA-OAEP，SHA-1）。",
        (
            "The sensitive field does not decrypt: replies encrypt for the merchant's certificate, so use its "
            "private key (RSA-OAEP, SHA-1)."
        ),
    ),
}


def reason_of(cause: str, what: str = "") -> dict[str, str]:
    """The cause as a sentence by language."""
    zh, en = CAUSES[cause]
    return {"zh-CN": zh.replace("{what}", what), "en": en.replace("{what}", what)}
