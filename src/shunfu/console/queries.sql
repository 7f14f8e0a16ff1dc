-- name: captured_between
-- What was captured in a span of time, by currency.
SELECT currency, count(*) AS times, sum(amount_minor)::bigint AS amount_minor
FROM payments_view_captured WHERE merchant_id = $1 AND captured_at >= $2 AND captured_at < $3
GROUP BY currency ORDER BY times DESC, currency LIMIT 20;

-- name: captured_by_hour
-- What was captured in one currency in each hour after $2, up to $3; the hours count from 0.
SELECT floor(extract(epoch FROM captured_at - $2) / 3600)::integer AS hour, sum(amount_minor)::bigint AS amount_minor
FROM payments_view_captured
WHERE merchant_id = $1 AND captured_at >= $2 AND captured_at < $3 AND currency = $4
GROUP BY hour ORDER BY hour LIMIT 48;

-- name: refunded_between
-- What went back in a span of time, by currency.
SELECT currency, count(*) AS times, sum(amount_minor)::bigint AS amount_minor
FROM refunds_view_refunds
WHERE merchant_id = $1 AND state = 'SUCCEEDED' AND succeeded_at >= $2 AND succeeded_at < $3
GROUP BY currency ORDER BY times DESC, currency LIMIT 20;

-- name: ended_by_method
-- Of the payments begun with an id from $2 up to $3: how many ended, and how many of them with money, by method.
SELECT channel, scene, count(*) FILTER (WHERE state = 'CAPTURED') AS captured, count(*) AS ended
FROM payments_view_payments
WHERE merchant_id = $1 AND payment_id >= $2 AND payment_id < $3 AND state IN ('CAPTURED', 'REFUSED', 'CLOSED')
GROUP BY channel, scene ORDER BY ended DESC, channel, scene LIMIT 50;

-- name: unknown_now
-- How many payments have no result, counted up to a thousand, and since when the oldest of them.
SELECT count(*) AS payments, min(created_at) AS since
FROM (SELECT created_at FROM payments_view_payments
      WHERE merchant_id = $1 AND state = 'UNKNOWN' ORDER BY order_id LIMIT 1000) AS unknown;

-- name: payment_alarms
-- The newest alarms of payments that still stand.
SELECT evidence_id, payment_id, state, amount_minor, currency, alarm, recorded_at
FROM payments_view_alarms WHERE merchant_id = $1 ORDER BY evidence_id DESC LIMIT $2;

-- name: refund_alarms
-- The newest alarms of refunds that still stand.
SELECT evidence_id, refund_id, state, amount_minor, currency, alarm, recorded_at
FROM refunds_view_alarms WHERE merchant_id = $1 ORDER BY evidence_id DESC LIMIT $2;

-- name: troubled_jobs
-- The newest jobs that gave up or failed.
SELECT kind, state, attempts, last_error, run_at
FROM db_view_troubled_jobs WHERE merchant_id = $1 ORDER BY job_id DESC LIMIT $2;

-- name: list_faults
-- Jobs below an id that gave up or failed, of one state or of both, newest first.
SELECT job_id, kind, key, state, attempts, last_error, run_at
FROM db_view_troubled_jobs
WHERE merchant_id = $1 AND job_id < $2 AND ($3::text IS NULL OR state = $3) ORDER BY job_id DESC LIMIT $4;

-- name: get_fault
-- One job that gave up or failed.
SELECT job_id, kind, key, state, attempts, last_error, run_at
FROM db_view_troubled_jobs WHERE merchant_id = $1 AND job_id = $2;

-- name: list_signers
-- By which keys the newest $4 messages after an id were signed for an account, the one most used first.
SELECT signed_by, count(*) AS messages, max(recorded_at) AS last_at
FROM (SELECT signed_by, recorded_at FROM notifications_view_signers
      WHERE merchant_id = $1 AND account_id = $2 AND notification_id > $3
      ORDER BY notification_id DESC LIMIT $4) AS newest
GROUP BY signed_by ORDER BY messages DESC, signed_by LIMIT 20;

-- name: waiting_refunds
-- How many refunds wait for a second person, counted up to a thousand.
SELECT count(*) AS refunds
FROM (SELECT refund_id FROM refunds_view_refunds
      WHERE merchant_id = $1 AND state = 'REQUESTED' ORDER BY refund_id LIMIT 1000) AS waiting;

-- name: list_orders
-- A page of orders, newest first; a null state means all.
SELECT order_id, merchant_order_no, amount_minor, currency, subject, state, created_at
FROM payments_view_orders
WHERE merchant_id = $1 AND order_id < $2 AND ($3::text IS NULL OR state = $3::text)
ORDER BY order_id DESC LIMIT $4;

-- name: list_unknown_orders
-- A page of the orders that have a payment without a result, newest first.
SELECT order_id, merchant_order_no, amount_minor, currency, subject, state, created_at
FROM payments_view_orders
WHERE merchant_id = $1 AND order_id IN (
    SELECT order_id FROM payments_view_payments
    WHERE merchant_id = $1 AND state = 'UNKNOWN' AND order_id < $2 ORDER BY order_id DESC LIMIT 1000)
ORDER BY order_id DESC LIMIT $3;

-- name: find_orders
-- The orders that an id of ours ($2: an order's or a payment's) or a number of others ($3: the merchant's, the channel's)
-- names.
WITH found AS (
    SELECT order_id FROM payments_view_orders WHERE merchant_id = $1 AND order_id = $2
    UNION
    SELECT order_id FROM payments_view_payments WHERE merchant_id = $1 AND payment_id = $2
    UNION
    SELECT order_id FROM payments_view_orders WHERE merchant_id = $1 AND merchant_order_no = $3
    UNION
    SELECT order_id FROM payments_view_payments WHERE merchant_id = $1 AND channel_transaction_no = $3
)
SELECT o.order_id, o.merchant_order_no, o.amount_minor, o.currency, o.subject, o.state, o.created_at
FROM payments_view_orders o JOIN found ON found.order_id = o.order_id
WHERE o.merchant_id = $1 ORDER BY o.order_id DESC LIMIT $4;

-- name: newest_payments
-- The newest payment of each of these orders.
SELECT DISTINCT ON (order_id) order_id, channel, scene, state
FROM payments_view_payments WHERE merchant_id = $1 AND order_id = ANY($2::uuid[])
ORDER BY order_id, payment_id DESC LIMIT 100;

-- name: refunds_of_payments
-- The refunds of these payments, oldest first.
SELECT refund_id, amount_minor, currency, state, created_at
FROM refunds_view_refunds WHERE merchant_id = $1 AND payment_id = ANY($2::uuid[])
ORDER BY refund_id LIMIT 200;

-- name: recent_payments_of_all
-- Of all merchants in $1: the payments with an id from $2 on, by method and state.
-- scope: platform
SELECT channel || '/' || scene AS method, state, count(*) AS times
FROM payments_view_payments WHERE merchant_id = ANY($1::uuid[]) AND payment_id >= $2
GROUP BY method, state ORDER BY method, state LIMIT $3;

-- name: unknown_payments_of_all
-- Payments without a result, of all merchants, by method, and since when the oldest.
-- scope: platform
SELECT channel || '/' || scene AS method, count(*) AS times, min(created_at) AS oldest_at
FROM payments_view_payments WHERE state = 'UNKNOWN' GROUP BY method ORDER BY method LIMIT $1;

-- name: open_refunds_of_all
-- Refunds that wait for a person or for a channel, of all merchants, and since when the oldest.
-- scope: platform
SELECT channel, state, count(*) AS times, min(created_at) AS oldest_at
FROM refunds_view_refunds
WHERE state = 'REQUESTED' OR state IN ('SENDING', 'UNKNOWN', 'PROCESSING', 'ABNORMAL')
GROUP BY channel, state ORDER BY channel, state LIMIT $1;
