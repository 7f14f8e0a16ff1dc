-- name: add_order
-- A new order; a repeated id (a retry after a crash) changes nothing.
INSERT INTO orders (merchant_id, order_id, merchant_order_no, amount_minor, currency, subject, items, return_url, state,
                    expires_at, created_at, updated_at, needs)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)
ON CONFLICT (merchant_id, order_id) DO NOTHING;

-- name: get_order
-- One order.
SELECT merchant_id, order_id, merchant_order_no, amount_minor, currency, subject, items, return_url, state, expires_at,
       created_at, close_requested_at, needs
FROM orders WHERE merchant_id = $1 AND order_id = $2;

-- name: lock_order
-- One order, locked: whoever decides about it or its payments holds this.
SELECT merchant_id, order_id, merchant_order_no, amount_minor, currency, subject, items, return_url, state, expires_at,
       created_at, close_requested_at, needs
FROM orders WHERE merchant_id = $1 AND order_id = $2 FOR UPDATE;

-- name: lock_order_of_payment
-- The order that a payment belongs to, locked. No join: before the first ANALYZE its plan tries all orders.
SELECT merchant_id, order_id, merchant_order_no, amount_minor, currency, subject, items, return_url, state, expires_at,
       created_at, close_requested_at, needs
FROM orders
WHERE merchant_id = $1 AND order_id = (SELECT order_id FROM payments WHERE merchant_id = $1 AND payment_id = $2)
FOR UPDATE;

-- name: list_orders
-- A page of orders, newest first; a null state means all.
SELECT merchant_id, order_id, merchant_order_no, amount_minor, currency, subject, items, return_url, state, expires_at,
       created_at, close_requested_at, needs
FROM orders
WHERE merchant_id = $1 AND order_id < $2 AND ($3::text IS NULL OR state = $3::text)
ORDER BY order_id DESC LIMIT $4;

-- name: move_order
-- Compare and set an order's state, and count what is told of it; the answer is the last number told.
UPDATE orders SET state = $4::text, sequence = sequence + $6, updated_at = $5::timestamptz,
       close_requested_at = CASE WHEN $4::text IN ('CLOSING', 'CLOSED') THEN coalesce(close_requested_at, $5::timestamptz)
                                 ELSE close_requested_at END
WHERE merchant_id = $1 AND order_id = $2 AND state = $3
RETURNING sequence;

-- name: get_contact
-- What was given with an order, sealed, and by whom.
SELECT contact, givers FROM order_contacts WHERE merchant_id = $1 AND order_id = $2;

-- name: save_contact
-- What is given with an order, sealed, and by whom; the last one stays.
INSERT INTO order_contacts (merchant_id, order_id, contact, given_at, givers) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant_id, order_id) DO UPDATE
SET contact = excluded.contact, given_at = excluded.given_at, givers = excluded.givers;

-- name: add_payment
-- A payment, saved before the channel hears of it.
INSERT INTO payments (merchant_id, payment_id, order_id, channel, scene, account_id, channel_account, channel_app,
                      amount_minor, currency, state, payer, deadline, created_at, updated_at, notify_url, client_ip,
                      return_url, offer_id, discount_minor, shopper_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, $16, $17, $18, $19, $20);

-- name: get_payment
-- One payment.
SELECT merchant_id, payment_id, order_id, channel, scene, account_id, channel_account, channel_app, notify_url,
       amount_minor, currency, state, refused_reason, payer, invoke, channel_transaction_no, is_surplus, captured_minor,
       refunded_minor, refund_reserved_minor, asks, not_found_at, deadline, created_at, captured_at, client_ip, return_url,
       offer_id, discount_minor, shopper_id
FROM payments WHERE merchant_id = $1 AND payment_id = $2;

-- name: list_payments
-- The payments of an order, oldest first.
SELECT merchant_id, payment_id, order_id, channel, scene, account_id, channel_account, channel_app, notify_url,
       amount_minor, currency, state, refused_reason, payer, invoke, channel_transaction_no, is_surplus, captured_minor,
       refunded_minor, refund_reserved_minor, asks, not_found_at, deadline, created_at, captured_at, client_ip, return_url,
       offer_id, discount_minor, shopper_id
FROM payments WHERE merchant_id = $1 AND order_id = $2 ORDER BY payment_id LIMIT 100;

-- name: save_decision
-- Move a payment by compare and set and keep the evidence that moved it, in one statement; no row, no evidence.
WITH moved AS (
    UPDATE payments SET state = $4, refused_reason = $5, invoke = $6, channel_transaction_no = $7, is_surplus = $8,
           captured_minor = $9, captured_at = $10, asks = $11, not_found_at = $12, updated_at = $13::timestamptz
    WHERE merchant_id = $1 AND payment_id = $2 AND state = $3::text
    RETURNING payment_id
)
INSERT INTO payment_evidence (merchant_id, evidence_id, payment_id, door, kind, body, state_before, state_after, alarm,
                              notification_id, happened_at, recorded_at)
SELECT $1::uuid, $14::uuid, moved.payment_id, $15::text, $16::text, $17::jsonb, $3::text, $4::text, $18::text,
       $19::uuid, $20::timestamptz, $13::timestamptz
FROM moved;

-- name: move_refund_money
-- Reserve ($3) and give back ($4) on a captured payment, either may be negative; no row when there is too little left.
UPDATE payments SET refund_reserved_minor = refund_reserved_minor + $3, refunded_minor = refunded_minor + $4,
       updated_at = $5
WHERE merchant_id = $1 AND payment_id = $2 AND state = 'CAPTURED'
  AND refund_reserved_minor + refunded_minor + $3 + $4 <= captured_minor;

-- name: list_evidence
-- What moved or tried to move a payment, newest first.
SELECT evidence_id, payment_id, door, kind, state_before, state_after, alarm, notification_id, happened_at, recorded_at,
       body
FROM payment_evidence WHERE merchant_id = $1 AND payment_id = $2 ORDER BY evidence_id DESC LIMIT 500;

-- name: last_move
-- What brought a payment into the state it is in.
SELECT evidence_id, payment_id, door, kind, state_before, state_after, alarm, notification_id, happened_at, recorded_at,
       body
FROM payment_evidence
WHERE merchant_id = $1 AND payment_id = $2 AND state_after = $3 AND state_before <> $3
ORDER BY evidence_id DESC LIMIT 1;

-- name: count_alarm
-- How often one alarm was raised for a payment.
SELECT count(*) FROM payment_evidence WHERE merchant_id = $1 AND payment_id = $2 AND alarm = $3;

-- name: captured_amounts
-- What was captured, page by page, to compare with the ledger.
SELECT payment_id, currency, captured_minor FROM payments
WHERE merchant_id = $1 AND state = 'CAPTURED' AND is_surplus = $2 AND payment_id > $3 ORDER BY payment_id LIMIT $4;

-- name: refunded_amounts
-- What payments say was given back and is reserved, page by page, to compare with the refunds.
SELECT payment_id, currency, refunded_minor, refund_reserved_minor FROM payments
WHERE merchant_id = $1 AND state = 'CAPTURED' AND payment_id > $2 ORDER BY payment_id LIMIT $3;

-- name: list_unasked
-- Payments whose channel has more to say and has not answered since a moment, for the time after a restore.
SELECT p.payment_id FROM payments p
WHERE p.merchant_id = $1 AND p.state IN ('SENDING', 'UNKNOWN', 'PENDING') AND p.payment_id > $3
  AND NOT EXISTS (
    SELECT 1 FROM payment_evidence e
    WHERE e.merchant_id = $1 AND e.payment_id = p.payment_id AND e.recorded_at > $2 AND e.kind <> 'unknown'
  )
ORDER BY p.payment_id LIMIT $4;
