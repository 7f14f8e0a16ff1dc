-- name: keep
-- Keep a message with its verdict and its body, in one statement.
WITH kept AS (
    INSERT INTO notification_bodies (merchant_id, notification_id, body, recorded_at)
    VALUES ($1, $2, $14::bytea, $13::timestamptz)
)
INSERT INTO notifications (merchant_id, notification_id, channel, account_id, verdict, reason, external_id, event_type,
                           number, evidence, headers, body_sha256, happened_at, recorded_at, signed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $15::timestamptz, $13::timestamptz, $16);

-- name: list_for_number
-- What arrived about one of our numbers, newest first.
SELECT notification_id, channel, account_id, verdict, reason, external_id, event_type, happened_at, recorded_at,
       headers, body_sha256
FROM notifications WHERE merchant_id = $1 AND number = $2 ORDER BY notification_id DESC LIMIT 200;

-- name: delete_old_bodies
-- End the retention of raw bodies, a bounded number at a time.
DELETE FROM notification_bodies b WHERE b.merchant_id = $1 AND b.notification_id IN (
    SELECT o.notification_id FROM notification_bodies o
    WHERE o.merchant_id = $1 AND o.recorded_at < $2 ORDER BY o.recorded_at LIMIT 1000
);
