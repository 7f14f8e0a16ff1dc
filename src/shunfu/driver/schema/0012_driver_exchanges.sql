-- What we said to channels about a payment or a refund and what they answered: no body, no query, no credential.
-- `number` is what the channel knows it by; `evidence_id` is the evidence that the conversation brought. Append-only.
CREATE TABLE channel_exchanges (
    merchant_id uuid NOT NULL,
    exchange_id uuid NOT NULL,
    channel text NOT NULL,
    number text NOT NULL,
    evidence_id uuid,
    method text NOT NULL,
    host text NOT NULL,
    path text NOT NULL,
    request_headers jsonb NOT NULL,
    request_sha256 bytea NOT NULL,
    request_bytes bigint NOT NULL CHECK (request_bytes >= 0),
    was_sent boolean NOT NULL,
    no_reply text,
    status integer,
    reply_headers jsonb,
    reply_sha256 bytea,
    reply_bytes bigint,
    started_at timestamptz NOT NULL,
    took_milliseconds integer NOT NULL CHECK (took_milliseconds >= 0),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, exchange_id),
    CHECK ((status IS NULL) = (no_reply IS NOT NULL)),
    CHECK ((status IS NULL) = (reply_sha256 IS NULL)),
    CHECK (was_sent OR status IS NULL)
);

CREATE INDEX channel_exchanges_by_number ON channel_exchanges (merchant_id, number, exchange_id);

GRANT SELECT, INSERT ON channel_exchanges TO shunfu_app;
