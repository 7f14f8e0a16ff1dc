"""What a caller does about each problem code, English and Chinese: docs/reference/problems.md shows it."""

from __future__ import annotations

ADVICE: dict[str, tuple[str, str]] = {
    "malformed_body": (
        "Send one JSON object in UTF-8, without duplicate keys, NaN or anything after it.",
        "请发送一个 UTF-8 编码的 JSON 对象，不含重复的键、NaN，之后也不要有多余内容。",
    ),
    "idempotency_key_missing": (
        "Make a key before the first try, send it with every retry of the same request, never with another request.",
        "第一次请求前生成一个键；重试同一请求时带同一个键，不同的请求用不同的键。",
    ),
    "unauthenticated": (
        "Check that the key is whole, not revoked, and of the side, test or live, that you mean.",
        "请检查密钥是否完整、是否已吊销，以及测试与正式环境是否用对。",
    ),
    "forbidden": (
        "Use a key that has this capability, or ask whoever manages the keys to grant it.",
        "请使用具有此权限的密钥，或请密钥管理员授权。",
    ),
    "not_found": (
        "Check the id, and that the key belongs to the merchant and the side that made it.",
        "请检查编号，以及密钥是否属于创建它的商户和环境。",
    ),
    "sign_in_unavailable": (
        "Let the shopper pay as a guest; to let people sign in, give the channel's account its application's secret.",
        "请让顾客以访客身份支付。如需登录，请添加该渠道的账户并配置应用密钥。",
    ),
    "method_not_allowed": (
        "Look the address up in openapi.json; the Allow header lists what it answers.",
        "请查阅 openapi.json；响应头 Allow 列出该地址支持的方法。",
    ),
    "request_in_flight": (
        "Wait a second and repeat the same request with the same Idempotency-Key.",
        "请等一秒，用同一个 Idempotency-Key 重发同一请求。",
    ),
    "state_conflict": (
        "Read the object again, and act on the state that it has now.",
        "请重新读取该对象，再按它现在的状态处理。",
    ),
    "payment_unknown": (
        "Read the order until its last payment has a result; the channel is being asked. Do not start another payment.",
        "渠道结果正在查询中。请读取订单直到上一笔支付有结果，不要再次发起支付。",
    ),
    "order_not_open": (
        "Read the order: it is paid, closing or closed. To sell again, create a new order.",
        "请读取订单：它已支付、正在关闭或已关闭。如需再次销售，请新建订单。",
    ),
    "amount_changed": (
        "Nothing was sent. Read the checkout's answer again, show the new amount, and let the shopper tap again.",
        "没有发出任何请求。重新读取收银台的回答，显示新的金额，由顾客再点一次。",
    ),
    "offer_gone": (
        "Show the price without it, or the best offer that the checkout has now; `reason` says why.",
        "请展示不使用该优惠的价格，或收银台当前最好的优惠；`reason` 说明原因。",
    ),
    "body_too_large": (
        "Send less: long texts and files do not belong in an order.",
        "请减小请求体；长文本和文件不应放在订单里。",
    ),
    "unsupported_media_type": (
        "Set the header Content-Type: application/json.",
        "请设置请求头 Content-Type: application/json。",
    ),
    "invalid_field": (
        "Correct each field that `errors` points at; nothing was written.",
        "请按 errors 逐个更正字段；没有写入任何数据。",
    ),
    "idempotency_key_reused": (
        "Use a new key for a new request; this one keeps the answer of the first.",
        "新的请求请用新的键；此键已对应第一次请求的结果。",
    ),
    "channel_refused": (
        "Nothing was charged. Offer the shopper another method; `shunfu doctor` checks the account's configuration.",
        "未扣款。请让顾客换一种支付方式；可用 shunfu doctor 检查渠道账户配置。",
    ),
    "amount_exceeds_refundable": (
        "Read the payment: what is left is captured less refunded less reserved.",
        "请读取该支付：可退金额等于已收金额减去已退和退款中的金额。",
    ),
    "refund_not_allowed": (
        "The channel's window or number of refunds is used up: give the money back another way, outside the channel.",
        "已超过渠道的退款期限或次数：请在渠道之外用其他方式退款。",
    ),
    "method_unavailable": (
        "Read which methods the checkout offers for this order, and use one of those.",
        "请读取收银台为此订单提供的支付方式，并从中选择。",
    ),
    "contact_missing": (
        "Ask the shopper for what `errors` names, and send it as `contact` with the payment.",
        "请向顾客询问 `errors` 所列的信息，并作为 `contact` 随付款一起发送。",
    ),
    "login_code_refused": (
        "Ask the platform for a fresh code and send that; a code works once and for a few minutes.",
        "请向平台重新获取 code 后再发送；每个 code 只能使用一次，几分钟内有效。",
    ),
    "rate_limited": (
        "Wait as long as the Retry-After header says, then repeat with the same Idempotency-Key.",
        "请按响应头 Retry-After 等待，再用同一个 Idempotency-Key 重试。",
    ),
    "internal": (
        "Repeat with the same Idempotency-Key; when it stays, report the request id.",
        "请用同一个 Idempotency-Key 重试；若仍失败，请附上请求编号反馈。",
    ),
    "channel_fault": (
        "Repeat the read a little later; nothing changed.",
        "请稍后重新读取；没有任何变化。",
    ),
    "platform_unavailable": (
        "Go on as a guest, or ask the platform for a fresh code and try again.",
        "请先以访客身份继续，或向平台重新获取 code 后重试。",
    ),
    "overloaded": (
        "Wait as long as the Retry-After header says, then repeat with the same Idempotency-Key.",
        "请按响应头 Retry-After 等待，再用同一个 Idempotency-Key 重试。",
    ),
}
