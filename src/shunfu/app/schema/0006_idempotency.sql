-- One row for every POST under /v1: in flight with a lease, then its final answer, repeated for good.

CREATE TABLE idempotency_keys (
    merchant_id uuid NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 64),
    body_sha256 bytea NOT NULL,
    resource_id uuid NOT NULL,
    lease_token uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    status integer,
    media_type text,
    body bytea,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, method, path, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (merchant_id, created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO shunfu_app;
