-- name: keep_exchanges
-- What was said to a channel in one conversation and what it answered.
INSERT INTO channel_exchanges (merchant_id, channel, number, evidence_id, recorded_at, exchange_id, method, host, path,
                               request_headers, request_sha256, request_bytes, was_sent, no_reply, status,
                               reply_headers, reply_sha256, reply_bytes, started_at, took_milliseconds)
SELECT $1::uuid, $2::text, $3::text, $4::uuid, $5::timestamptz, e.exchange_id, e.method, e.host, e.path,
       e.request_headers, e.request_sha256, e.request_bytes, e.was_sent, e.no_reply, e.status,
       e.reply_headers, e.reply_sha256, e.reply_bytes, e.started_at, e.took_milliseconds
FROM unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::jsonb[], $11::bytea[], $12::bigint[], $13::boolean[],
            $14::text[], $15::integer[], $16::jsonb[], $17::bytea[], $18::bigint[], $19::timestamptz[], $20::integer[])
     AS e (exchange_id, method, host, path, request_headers, request_sha256, request_bytes, was_sent, no_reply, status,
           reply_headers, reply_sha256, reply_bytes, started_at, took_milliseconds);

-- name: list_exchanges
-- What was said about one number, newest first.
SELECT exchange_id, evidence_id, method, host, path, request_headers, request_sha256, request_bytes, was_sent, no_reply,
       status, reply_headers, reply_sha256, reply_bytes, started_at, took_milliseconds
FROM channel_exchanges WHERE merchant_id = $1 AND number = $2 ORDER BY exchange_id DESC LIMIT $3;
