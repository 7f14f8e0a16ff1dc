-- name: add_endpoint
-- A new endpoint; a repeated id (a retry after a crash) changes nothing.
INSERT INTO webhook_endpoints (merchant_id, endpoint_id, url, event_types, description, state, secrets, created_at,
                               updated_at)
VALUES ($1, $2, $3, $4, $5, 'ENABLED', $6, $7, $7)
ON CONFLICT (merchant_id, endpoint_id) DO NOTHING;

-- name: get_endpoint
-- One endpoint.
SELECT merchant_id, endpoint_id, url, event_types, description, state, secrets, created_at, failing_since, warned_at,
       disabled_at, disabled_reason
FROM webhook_endpoints WHERE merchant_id = $1 AND endpoint_id = $2;

-- name: lock_endpoint
-- One endpoint, locked: whoever judges its health or changes it holds this.
SELECT merchant_id, endpoint_id, url, event_types, description, state, secrets, created_at, failing_since, warned_at,
       disabled_at, disabled_reason
FROM webhook_endpoints WHERE merchant_id = $1 AND endpoint_id = $2 FOR NO KEY UPDATE;

-- name: list_endpoints
-- A page of endpoints, newest first.
SELECT merchant_id, endpoint_id, url, event_types, description, state, secrets, created_at, failing_since, warned_at,
       disabled_at, disabled_reason
FROM webhook_endpoints WHERE merchant_id = $1 AND endpoint_id < $2 ORDER BY endpoint_id DESC LIMIT $3;

-- name: list_enabled
-- The endpoints that are sent something, oldest first.
SELECT merchant_id, endpoint_id, url, event_types, description, state, secrets, created_at, failing_since, warned_at,
       disabled_at, disabled_reason
FROM webhook_endpoints WHERE merchant_id = $1 AND state = 'ENABLED' ORDER BY endpoint_id LIMIT 100;

-- name: save_endpoint
-- What may change of an endpoint: its state, its health and its secrets.
UPDATE webhook_endpoints SET state = $3, secrets = $4, failing_since = $5, warned_at = $6, disabled_at = $7,
       disabled_reason = $8, updated_at = $9
WHERE merchant_id = $1 AND endpoint_id = $2;

-- name: take_place
-- The next place in a merchant's feed; until the transaction ends no other can take one.
INSERT INTO webhook_feeds AS feed (merchant_id, last_place) VALUES ($1, 1)
ON CONFLICT (merchant_id) DO UPDATE SET last_place = feed.last_place + 1
RETURNING last_place;

-- name: last_place
-- The last place taken in a merchant's feed.
SELECT last_place FROM webhook_feeds WHERE merchant_id = $1;

-- name: add_message
-- A message, once: a repeated announcement adds nothing.
INSERT INTO webhook_messages (merchant_id, message_id, place, type, subject, sequence, body, happened_at, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (merchant_id, message_id) DO NOTHING;

-- name: get_message
-- One message.
SELECT merchant_id, message_id, place, type, subject, sequence, body, happened_at, recorded_at
FROM webhook_messages WHERE merchant_id = $1 AND message_id = $2;

-- name: list_messages
-- A page of the feed after a place, oldest first.
SELECT merchant_id, message_id, place, type, subject, sequence, body, happened_at, recorded_at
FROM webhook_messages WHERE merchant_id = $1 AND place > $2 ORDER BY place LIMIT $3;

-- name: list_newest_messages
-- A page of the feed before a place, newest first.
SELECT merchant_id, message_id, place, type, subject, sequence, body, happened_at, recorded_at
FROM webhook_messages WHERE merchant_id = $1 AND place < $2 ORDER BY place DESC LIMIT $3;

-- name: add_deliveries
-- A message on its way to each of these endpoints.
INSERT INTO webhook_deliveries (merchant_id, endpoint_id, message_id, subject, sequence, state, next_at, created_at,
                                updated_at)
SELECT $1, wanted.endpoint_id, $3, $4, $5, 'WAITING', $6, $6, $6 FROM unnest($2::uuid[]) AS wanted (endpoint_id)
ON CONFLICT (merchant_id, endpoint_id, message_id) DO NOTHING;

-- name: replay_delivery
-- A message once more to an endpoint, now; one that still waits keeps its tries and its turn.
INSERT INTO webhook_deliveries AS kept (merchant_id, endpoint_id, message_id, subject, sequence, state, is_replay,
                                        next_at, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, 'WAITING', true, $6, $6, $6)
ON CONFLICT (merchant_id, endpoint_id, message_id) DO UPDATE SET
    is_replay = kept.is_replay OR kept.state <> 'WAITING',
    attempts = CASE WHEN kept.state = 'WAITING' THEN kept.attempts ELSE 0 END,
    state = 'WAITING',
    next_at = excluded.next_at,
    updated_at = excluded.updated_at;

-- name: list_deliveries
-- How these messages fared, message by message.
SELECT merchant_id, endpoint_id, message_id, subject, sequence, state, is_replay, attempts, next_at, last_status,
       last_reason, delivered_at
FROM webhook_deliveries WHERE merchant_id = $1 AND message_id = ANY($2::uuid[]) ORDER BY message_id, endpoint_id
LIMIT 10000;

-- name: lock_delivery
-- How one message fares at one endpoint, locked.
SELECT merchant_id, endpoint_id, message_id, subject, sequence, state, is_replay, attempts, next_at, last_status,
       last_reason, delivered_at
FROM webhook_deliveries WHERE merchant_id = $1 AND endpoint_id = $2 AND message_id = $3 FOR NO KEY UPDATE;

-- name: due_heads
-- What may be sent to an endpoint now: of each subject not in $4 the first that waits, unless one before it has still to
-- be announced ($5: from then on it is not waited for any more). Replays wait for replays only.
SELECT d.merchant_id, d.endpoint_id, d.message_id, d.subject, d.sequence, d.state, d.is_replay, d.attempts, d.next_at,
       d.last_status, d.last_reason, d.delivered_at, m.body,
       EXISTS (SELECT 1 FROM webhook_deliveries newer
               WHERE newer.merchant_id = $1 AND newer.endpoint_id = $2 AND newer.subject = d.subject
                 AND newer.sequence > d.sequence AND newer.state = 'DELIVERED') AND NOT d.is_replay AS is_overtaken
FROM webhook_deliveries d JOIN webhook_messages m ON m.merchant_id = d.merchant_id AND m.message_id = d.message_id
WHERE d.merchant_id = $1 AND d.endpoint_id = $2 AND d.state = 'WAITING' AND d.next_at <= $3
  AND d.subject <> ALL($4::text[])
  AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries earlier
    WHERE earlier.merchant_id = $1 AND earlier.endpoint_id = $2 AND earlier.subject = d.subject
      AND earlier.sequence < d.sequence AND earlier.state = 'WAITING' AND earlier.is_replay = d.is_replay)
  AND (d.is_replay OR m.recorded_at <= $5 OR d.sequence = 1 + (
    SELECT count(*) FROM webhook_messages before
    WHERE before.merchant_id = $1 AND before.subject = d.subject AND before.sequence < d.sequence))
ORDER BY d.next_at, d.message_id LIMIT $6;

-- name: next_look
-- When something at an endpoint is due next ($3: now), and the oldest of what waits for its turn since $4 or later.
SELECT min(next_at) FILTER (WHERE next_at > $3) AS next_at,
       min(created_at) FILTER (WHERE next_at <= $3 AND created_at > $4) AS waiting_since
FROM webhook_deliveries WHERE merchant_id = $1 AND endpoint_id = $2 AND state = 'WAITING';

-- name: add_attempt
-- One try and what came of it.
INSERT INTO webhook_attempts (merchant_id, attempt_id, endpoint_id, message_id, attempted_at, took_ms, status, reason,
                              answer)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: list_attempts
-- The tries of one message, oldest first; of very many the newest 200.
SELECT attempt_id, endpoint_id, attempted_at, took_ms, status, reason, answer
FROM webhook_attempts WHERE merchant_id = $1 AND message_id = $2 ORDER BY attempt_id DESC LIMIT 200;

-- name: list_tries
-- The tries of every message about one subject, newest first.
SELECT a.attempt_id, m.type, a.attempted_at, a.took_ms, a.status, a.reason
FROM webhook_messages m JOIN webhook_attempts a ON a.merchant_id = m.merchant_id AND a.message_id = m.message_id
WHERE m.merchant_id = $1 AND m.subject = $2 ORDER BY a.attempt_id DESC LIMIT 200;

-- name: save_delivery
-- What a try has made of a delivery.
UPDATE webhook_deliveries SET state = $4, attempts = $5, next_at = $6, last_status = $7, last_reason = $8,
       delivered_at = $9, updated_at = $10
WHERE merchant_id = $1 AND endpoint_id = $2 AND message_id = $3;

-- name: move_lane
-- Those behind a delivery in its subject are looked at when it is, so that a look at what is due passes them over.
UPDATE webhook_deliveries SET next_at = $6, updated_at = $7
WHERE merchant_id = $1 AND endpoint_id = $2 AND subject = $3 AND sequence > $4 AND is_replay = $5 AND state = 'WAITING';

-- name: resume_deliveries
-- What waited while its endpoint was disabled is tried from the beginning, now.
UPDATE webhook_deliveries SET attempts = 0, next_at = $3, updated_at = $3
WHERE merchant_id = $1 AND endpoint_id = $2 AND state = 'WAITING';
