-- Every message that arrived at a notification address, refused ones too. Append-only but for the bodies, which end
-- after their retention.

CREATE TABLE notifications (
    merchant_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    channel text NOT NULL,
    account_id uuid NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('accepted', 'duplicate', 'refused', 'probe')),
    reason text NOT NULL,
    external_id text,
    event_type text,
    number text,
    evidence jsonb,
    headers jsonb NOT NULL,
    body_sha256 bytea NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, notification_id)
);

CREATE INDEX notifications_by_number ON notifications (merchant_id, number, notification_id);

CREATE TABLE notification_bodies (
    merchant_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, notification_id)
);

CREATE INDEX notification_bodies_by_age ON notification_bodies (merchant_id, recorded_at);

GRANT SELECT, INSERT ON notifications TO shunfu_app;
GRANT SELECT, INSERT, DELETE ON notification_bodies TO shunfu_app;
