-- Orders, payments and the evidence that moved them. The database holds what must never be false: positive amounts,
-- refunded within captured, one capture an order that is not surplus, evidence never edited.

CREATE TABLE orders (
    merchant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    merchant_order_no text,
    amount_minor bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 99999999999),
    currency text NOT NULL,
    subject text NOT NULL,
    items jsonb NOT NULL,
    return_url text,
    state text NOT NULL CHECK (state IN ('OPEN', 'CLOSING', 'PAID', 'CLOSED')),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, order_id),
    UNIQUE (merchant_id, merchant_order_no)
);

CREATE TABLE payments (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    channel text NOT NULL,
    scene text NOT NULL,
    account_id uuid NOT NULL,
    channel_account text NOT NULL,
    channel_app text NOT NULL,
    notify_url text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    state text NOT NULL CHECK (state IN ('SENDING', 'UNKNOWN', 'PENDING', 'REFUSED', 'CLOSED', 'CAPTURED')),
    refused_reason text,
    payer jsonb,
    invoke jsonb,
    channel_transaction_no text,
    is_surplus boolean NOT NULL DEFAULT false,
    captured_minor bigint NOT NULL DEFAULT 0 CHECK (captured_minor >= 0),
    refund_reserved_minor bigint NOT NULL DEFAULT 0 CHECK (refund_reserved_minor >= 0),
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    asks integer NOT NULL DEFAULT 0,
    not_found_at timestamptz,
    deadline timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    captured_at timestamptz,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, payment_id),
    FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, order_id),
    CHECK (refunded_minor + refund_reserved_minor <= captured_minor),
    CHECK ((state = 'CAPTURED') = (captured_minor > 0)),
    CHECK ((state = 'CAPTURED') = (captured_at IS NOT NULL))
);

CREATE INDEX payments_by_order ON payments (merchant_id, order_id, payment_id);

-- One payment pays an order; any other that was captured is surplus.
CREATE UNIQUE INDEX payments_one_paying ON payments (merchant_id, order_id) WHERE state = 'CAPTURED' AND NOT is_surplus;

CREATE TABLE payment_evidence (
    merchant_id uuid NOT NULL,
    evidence_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    door text NOT NULL CHECK (door IN ('reply', 'notification', 'query', 'close')),
    kind text NOT NULL,
    body jsonb NOT NULL,
    state_before text NOT NULL,
    state_after text NOT NULL,
    alarm text,
    notification_id uuid,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, evidence_id),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments (merchant_id, payment_id)
);

CREATE INDEX payment_evidence_by_payment ON payment_evidence (merchant_id, payment_id, evidence_id);

GRANT SELECT, INSERT, UPDATE ON orders, payments TO shunfu_app;
GRANT SELECT, INSERT ON payment_evidence TO shunfu_app;
