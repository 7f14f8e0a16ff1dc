-- name: begin_request
-- Put a request in flight, or see the row that is there. One statement; the row returned is the one in force.
WITH added AS (
    INSERT INTO idempotency_keys (merchant_id, method, path, key, body_sha256, resource_id, lease_token, lease_until,
                                  created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT DO NOTHING
    RETURNING resource_id
)
SELECT true AS is_new, resource_id, NULL::bytea AS body_sha256, NULL::integer AS status, NULL::text AS media_type,
       NULL::bytea AS body, NULL::timestamptz AS lease_until
FROM added
UNION ALL
SELECT false, k.resource_id, k.body_sha256, k.status, k.media_type, k.body, k.lease_until FROM idempotency_keys k
WHERE k.merchant_id = $1 AND k.method = $2 AND k.path = $3 AND k.key = $4;

-- name: take_over_request
-- Continue a request whose worker died: only after its lease has ended, only one taker.
UPDATE idempotency_keys SET lease_token = $5, lease_until = $6
WHERE merchant_id = $1 AND method = $2 AND path = $3 AND key = $4 AND status IS NULL AND lease_until <= $7;

-- name: finish_request
-- Store the final answer; a stale holder of the lease changes nothing and gets no row.
UPDATE idempotency_keys SET status = $6, media_type = $7, body = $8
WHERE merchant_id = $1 AND method = $2 AND path = $3 AND key = $4 AND lease_token = $5 AND status IS NULL
RETURNING status;

-- name: release_request
-- End the lease at once without an answer, so that the client may try again.
UPDATE idempotency_keys SET lease_until = $6
WHERE merchant_id = $1 AND method = $2 AND path = $3 AND key = $4 AND lease_token = $5 AND status IS NULL;

-- name: forget_requests
-- Everything that was answered at one address of somebody who was erased.
DELETE FROM idempotency_keys WHERE merchant_id = $1 AND method = $2 AND path = $3;

-- name: delete_old_requests
-- End the retention of idempotency rows, a bounded number at a time.
DELETE FROM idempotency_keys k WHERE k.merchant_id = $1 AND (k.method, k.path, k.key) IN (
    SELECT o.method, o.path, o.key FROM idempotency_keys o
    WHERE o.merchant_id = $1 AND o.created_at < $2 ORDER BY o.created_at LIMIT 1000
);

-- name: captured_by_day
-- What payments say was captured, by day in China, channel and currency; for the proof of the books' days.
SELECT (p.captured_at AT TIME ZONE 'Asia/Shanghai')::date AS day_cn, p.channel, p.currency,
       coalesce(sum(p.amount_minor) FILTER (WHERE NOT p.is_surplus), 0)::bigint AS captured_minor,
       coalesce(sum(p.amount_minor) FILTER (WHERE p.is_surplus), 0)::bigint AS surplus_minor
FROM payments_view_captured p WHERE p.merchant_id = $1
GROUP BY (p.captured_at AT TIME ZONE 'Asia/Shanghai')::date, p.channel, p.currency;

-- name: refunded_by_day
-- What refunds say went back, by day in China, channel and currency; for the proof of the books' days.
SELECT (r.succeeded_at AT TIME ZONE 'Asia/Shanghai')::date AS day_cn, r.channel, r.currency,
       sum(r.amount_minor)::bigint AS refunded_minor
FROM refunds_view_refunds r WHERE r.merchant_id = $1 AND r.state = 'SUCCEEDED'
GROUP BY (r.succeeded_at AT TIME ZONE 'Asia/Shanghai')::date, r.channel, r.currency;
