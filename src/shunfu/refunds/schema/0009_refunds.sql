-- Refunds and the evidence that moved them. What is reserved and given back stands on the payment's row, where the
-- database keeps it within what was captured; a refund's own row has its number, and keeps it for good.

CREATE TABLE refunds (
    merchant_id uuid NOT NULL,
    refund_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    channel text NOT NULL,
    account_id uuid NOT NULL,
    channel_account text NOT NULL,
    channel_transaction_no text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    total_minor bigint NOT NULL CHECK (total_minor >= amount_minor),
    currency text NOT NULL,
    reason text NOT NULL,
    notify_url text NOT NULL,
    is_surplus boolean NOT NULL,
    is_automatic boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('REQUESTED', 'SENDING', 'UNKNOWN', 'PROCESSING', 'ABNORMAL', 'CLOSED', 'REFUSED',
                                         'REJECTED', 'SUCCEEDED')),
    requested_by text NOT NULL,
    decided_by text,
    refused_reason text,
    channel_refund_no text,
    sends integer NOT NULL DEFAULT 0 CHECK (sends >= 0),
    asks integer NOT NULL DEFAULT 0 CHECK (asks >= 0),
    is_over boolean NOT NULL DEFAULT false,
    send_after timestamptz NOT NULL,
    last_sent_at timestamptz,
    not_found_at timestamptz,
    redirected_at timestamptz,
    created_at timestamptz NOT NULL,
    succeeded_at timestamptz,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, refund_id),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments (merchant_id, payment_id),
    CHECK ((state = 'SUCCEEDED') = (succeeded_at IS NOT NULL))
);

CREATE INDEX refunds_by_payment ON refunds (merchant_id, payment_id, refund_id);

-- A channel's day: what it is reconciled from, and what is still on its way.
CREATE INDEX refunds_succeeded ON refunds (merchant_id, account_id, succeeded_at) WHERE state = 'SUCCEEDED';
CREATE INDEX refunds_open ON refunds (merchant_id, account_id, created_at)
    WHERE state IN ('SENDING', 'UNKNOWN', 'PROCESSING', 'ABNORMAL');

-- A surplus payment refunds itself once; whatever comes after that is a person's request.
CREATE UNIQUE INDEX refunds_one_automatic ON refunds (merchant_id, payment_id) WHERE is_automatic;

CREATE TABLE refund_evidence (
    merchant_id uuid NOT NULL,
    evidence_id uuid NOT NULL,
    refund_id uuid NOT NULL,
    door text NOT NULL CHECK (door IN ('reply', 'notification', 'query', 'redirect', 'statement', 'person')),
    kind text NOT NULL,
    body jsonb NOT NULL,
    state_before text NOT NULL,
    state_after text NOT NULL,
    alarm text,
    notification_id uuid,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, evidence_id),
    FOREIGN KEY (merchant_id, refund_id) REFERENCES refunds (merchant_id, refund_id)
);

CREATE INDEX refund_evidence_by_refund ON refund_evidence (merchant_id, refund_id, evidence_id);

CREATE VIEW refunds_view_refunds AS
SELECT merchant_id, refund_id, payment_id, order_id, channel, account_id, amount_minor, currency, state, is_surplus,
       channel_refund_no, created_at, succeeded_at
FROM refunds;

GRANT SELECT, INSERT, UPDATE ON refunds TO shunfu_app;
GRANT SELECT, INSERT ON refund_evidence TO shunfu_app;
GRANT SELECT ON refunds_view_refunds TO shunfu_app;
