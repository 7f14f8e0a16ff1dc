-- After a restore: whose money waits until its channels were asked. One row a merchant, of its last recovery.

CREATE TABLE recoveries (
    merchant_id uuid NOT NULL,
    since timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (merchant_id),
    CHECK (ended_at >= since)
);

GRANT SELECT, INSERT, UPDATE ON recoveries TO shunfu_app;
