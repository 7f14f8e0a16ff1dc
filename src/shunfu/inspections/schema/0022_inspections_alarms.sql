-- Alarms: what needs a person, of every room, until somebody says that they have seen to it. `alarm_id` is the event's.

CREATE TABLE alarms (
    merchant_id uuid NOT NULL,
    alarm_id uuid NOT NULL,
    alarm text NOT NULL CHECK (alarm <> ''),
    subject text NOT NULL,
    told text NOT NULL,
    raised_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    acknowledged_by text,
    acknowledged_at timestamptz,
    PRIMARY KEY (merchant_id, alarm_id),
    CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL))
);

CREATE INDEX alarms_open ON alarms (merchant_id, alarm_id) WHERE acknowledged_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON alarms TO shunfu_app;
