-- The audit log: who did what to what. Each merchant's rows are chained by hash; the nil uuid's chain is the platform's
-- own, so neither table has a foreign key to merchants. The head says where the chain ends and moves by compare-and-set.

CREATE TABLE audit_log (
    merchant_id uuid NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    audit_id uuid NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    action text NOT NULL CHECK (action <> ''),
    object text NOT NULL CHECK (object <> ''),
    before_sha256 bytea CHECK (octet_length(before_sha256) = 32),
    after_sha256 bytea CHECK (octet_length(after_sha256) = 32),
    detail jsonb NOT NULL,
    happened_at timestamptz NOT NULL,
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (merchant_id, sequence),
    UNIQUE (merchant_id, audit_id)
);

CREATE TABLE audit_heads (
    merchant_id uuid NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (merchant_id)
);

GRANT SELECT, INSERT ON audit_log TO shunfu_app;
GRANT SELECT, INSERT, UPDATE ON audit_heads TO shunfu_app;

-- Merchants from before this log begin with an empty chain: from here on a merchant without a head is damage.
INSERT INTO audit_heads (merchant_id, sequence, hash)
SELECT merchant_id, 0, decode(repeat('00', 32), 'hex') FROM merchants;
