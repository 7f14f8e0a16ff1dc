-- name: add_refund
-- A refund, saved before the channel hears of it; a repeated id (a retry after a crash) changes nothing.
INSERT INTO refunds (merchant_id, refund_id, payment_id, order_id, channel, account_id, channel_account,
                     channel_transaction_no, amount_minor, total_minor, currency, reason, notify_url, is_surplus,
                     is_automatic, state, requested_by, sends, send_after, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20);

-- name: get_refund
-- One refund.
SELECT merchant_id, refund_id, payment_id, order_id, channel, account_id, channel_account, channel_transaction_no,
       amount_minor, total_minor, currency, reason, notify_url, is_surplus, is_automatic, state, requested_by,
       decided_by, refused_reason, channel_refund_no, sends, asks, is_over, send_after, last_sent_at, not_found_at,
       redirected_at, created_at, succeeded_at
FROM refunds WHERE merchant_id = $1 AND refund_id = $2;

-- name: list_of_payment
-- The refunds of a payment, oldest first.
SELECT merchant_id, refund_id, payment_id, order_id, channel, account_id, channel_account, channel_transaction_no,
       amount_minor, total_minor, currency, reason, notify_url, is_surplus, is_automatic, state, requested_by,
       decided_by, refused_reason, channel_refund_no, sends, asks, is_over, send_after, last_sent_at, not_found_at,
       redirected_at, created_at, succeeded_at
FROM refunds WHERE merchant_id = $1 AND payment_id = $2 ORDER BY refund_id LIMIT 1000;

-- name: list_refunds
-- A page of refunds, newest first; a null state means all.
SELECT merchant_id, refund_id, payment_id, order_id, channel, account_id, channel_account, channel_transaction_no,
       amount_minor, total_minor, currency, reason, notify_url, is_surplus, is_automatic, state, requested_by,
       decided_by, refused_reason, channel_refund_no, sends, asks, is_over, send_after, last_sent_at, not_found_at,
       redirected_at, created_at, succeeded_at
FROM refunds WHERE merchant_id = $1 AND refund_id < $2 AND ($3::text IS NULL OR state = $3::text)
ORDER BY refund_id DESC LIMIT $4;

-- name: save_decision
-- Move a refund by compare and set and keep the evidence that moved it, in one statement; no row, no evidence.
WITH moved AS (
    UPDATE refunds SET state = $4, refused_reason = $5, channel_refund_no = $6, sends = $7, asks = $8, is_over = $9,
           not_found_at = $10, redirected_at = $11, succeeded_at = $12, decided_by = $13, send_after = $14,
           updated_at = $15::timestamptz
    WHERE merchant_id = $1 AND refund_id = $2 AND state = $3::text
    RETURNING refund_id
)
INSERT INTO refund_evidence (merchant_id, evidence_id, refund_id, door, kind, body, state_before, state_after, alarm,
                             notification_id, happened_at, recorded_at)
SELECT $1::uuid, $16::uuid, moved.refund_id, $17::text, $18::text, $19::jsonb, $3::text, $4::text, $20::text,
       $21::uuid, $22::timestamptz, $15::timestamptz
FROM moved;

-- name: begin_send
-- Count a request before it is made: what was begun may have arrived, whatever happens to us.
UPDATE refunds SET sends = sends + 1, last_sent_at = $4, updated_at = $4
WHERE merchant_id = $1 AND refund_id = $2 AND state = $3;

-- name: postpone_send
-- The channel wants a gap between a payment's refunds.
UPDATE refunds SET send_after = $3, updated_at = $4 WHERE merchant_id = $1 AND refund_id = $2;

-- name: begin_redirect
-- Note that we are about to say where an abnormal refund's money shall go.
UPDATE refunds SET redirected_at = $3, updated_at = $3
WHERE merchant_id = $1 AND refund_id = $2 AND state = 'ABNORMAL';

-- name: list_evidence
-- What moved or tried to move a refund, newest first.
SELECT evidence_id, refund_id, door, kind, state_before, state_after, alarm, notification_id, happened_at, recorded_at,
       body
FROM refund_evidence WHERE merchant_id = $1 AND refund_id = $2 ORDER BY evidence_id DESC LIMIT 500;

-- name: last_move
-- What brought a refund into the state it is in.
SELECT evidence_id, refund_id, door, kind, state_before, state_after, alarm, notification_id, happened_at, recorded_at,
       body
FROM refund_evidence
WHERE merchant_id = $1 AND refund_id = $2 AND state_after = $3 AND state_before <> $3
ORDER BY evidence_id DESC LIMIT 1;

-- name: count_alarm
-- How often one alarm was raised for a refund.
SELECT count(*) FROM refund_evidence WHERE merchant_id = $1 AND refund_id = $2 AND alarm = $3;

-- name: settled_amounts
-- What went back, page by page, to compare with the ledger.
SELECT refund_id, currency, amount_minor, is_surplus, is_over FROM refunds
WHERE merchant_id = $1 AND state = 'SUCCEEDED' AND refund_id > $2 ORDER BY refund_id LIMIT $3;

-- name: sums_by_payment
-- What refunds say was given back and is reserved for each payment, page by page.
SELECT payment_id, currency,
       coalesce(sum(amount_minor) FILTER (WHERE state = 'SUCCEEDED' AND NOT is_over), 0)::bigint AS refunded_minor,
       coalesce(sum(amount_minor) FILTER (
           WHERE state IN ('REQUESTED', 'SENDING', 'UNKNOWN', 'PROCESSING', 'ABNORMAL')), 0)::bigint AS reserved_minor
FROM refunds WHERE merchant_id = $1 AND payment_id > $2
GROUP BY payment_id, currency ORDER BY payment_id LIMIT $3;

-- name: list_unasked
-- Refunds that are not final and about which no channel has answered since a moment, for the time after a restore.
SELECT r.refund_id FROM refunds r
WHERE r.merchant_id = $1 AND r.state IN ('REQUESTED', 'SENDING', 'UNKNOWN', 'PROCESSING', 'ABNORMAL')
  AND r.refund_id > $3
  AND NOT EXISTS (
    SELECT 1 FROM refund_evidence e
    WHERE e.merchant_id = $1 AND e.refund_id = r.refund_id AND e.recorded_at > $2
      AND e.kind NOT IN ('unknown', 'approved', 'rejected')
  )
ORDER BY r.refund_id LIMIT $4;
