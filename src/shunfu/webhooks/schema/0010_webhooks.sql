-- Webhooks: who is told, what was told, and how each message fared. Messages and attempts are facts and never change.

CREATE TABLE webhook_endpoints (
    merchant_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    url text NOT NULL,
    event_types text[] NOT NULL CHECK (cardinality(event_types) > 0),
    description text NOT NULL,
    state text NOT NULL CHECK (state IN ('ENABLED', 'DISABLED')),
    secrets jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    failing_since timestamptz,
    warned_at timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, endpoint_id),
    CHECK ((state = 'DISABLED') = (disabled_at IS NOT NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);

-- The last place in a merchant's feed. Its row's lock makes places follow commits, so that a reader who goes on after
-- the last place it saw misses nothing.
CREATE TABLE webhook_feeds (
    merchant_id uuid NOT NULL,
    last_place bigint NOT NULL CHECK (last_place > 0),
    PRIMARY KEY (merchant_id)
);

-- message_id is the event's id; body is the text exactly as it is sent.
CREATE TABLE webhook_messages (
    merchant_id uuid NOT NULL,
    message_id uuid NOT NULL,
    place bigint NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    body text NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, message_id),
    UNIQUE (merchant_id, place),
    UNIQUE (merchant_id, subject, sequence)
);

CREATE TABLE webhook_deliveries (
    merchant_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    message_id uuid NOT NULL,
    subject text NOT NULL,
    sequence bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('WAITING', 'DELIVERED', 'GIVEN_UP')),
    is_replay boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at timestamptz NOT NULL,
    last_status integer,
    last_reason text,
    delivered_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, endpoint_id, message_id),
    FOREIGN KEY (merchant_id, endpoint_id) REFERENCES webhook_endpoints (merchant_id, endpoint_id),
    FOREIGN KEY (merchant_id, message_id) REFERENCES webhook_messages (merchant_id, message_id),
    CHECK (state <> 'DELIVERED' OR delivered_at IS NOT NULL)
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (merchant_id, endpoint_id, next_at) WHERE state = 'WAITING';
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (merchant_id, endpoint_id, subject, sequence);
CREATE INDEX webhook_deliveries_of_message ON webhook_deliveries (merchant_id, message_id);

-- Each try: what came back, or why nothing did. `answer` is the beginning of the answer's body, made harmless.
CREATE TABLE webhook_attempts (
    merchant_id uuid NOT NULL,
    attempt_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    message_id uuid NOT NULL,
    attempted_at timestamptz NOT NULL,
    took_ms integer NOT NULL CHECK (took_ms >= 0),
    status integer,
    reason text NOT NULL,
    answer text NOT NULL,
    PRIMARY KEY (merchant_id, attempt_id),
    FOREIGN KEY (merchant_id, endpoint_id, message_id)
        REFERENCES webhook_deliveries (merchant_id, endpoint_id, message_id)
);

CREATE INDEX webhook_attempts_of_message ON webhook_attempts (merchant_id, message_id, attempt_id);

GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_feeds, webhook_deliveries TO shunfu_app;
GRANT SELECT, INSERT ON webhook_messages, webhook_attempts TO shunfu_app;
