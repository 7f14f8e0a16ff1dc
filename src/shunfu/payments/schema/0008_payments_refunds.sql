-- What refunds, webhooks and statements need of orders and payments. `sequence` counts what was told about an order, its
-- payments and its refunds, so that an older state never overtakes a newer one. A statement is one more door for evidence.
ALTER TABLE orders ADD COLUMN sequence bigint NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN close_requested_at timestamptz;
ALTER TABLE payment_evidence DROP CONSTRAINT payment_evidence_door_check;
ALTER TABLE payment_evidence ADD CONSTRAINT payment_evidence_door_check
    CHECK (door IN ('reply', 'notification', 'query', 'close', 'statement')) NOT VALID;

CREATE VIEW payments_view_captured AS
SELECT merchant_id, payment_id, order_id, channel, account_id, channel_account, captured_minor AS amount_minor, currency,
       is_surplus, channel_transaction_no, refunded_minor, captured_at
FROM payments WHERE state = 'CAPTURED';

CREATE VIEW payments_view_states AS
SELECT merchant_id, payment_id, order_id, channel, account_id, amount_minor, currency, state, is_surplus,
       channel_transaction_no, captured_at
FROM payments;

-- A channel's day: what it is reconciled from.
CREATE INDEX payments_captured ON payments (merchant_id, account_id, captured_at) WHERE state = 'CAPTURED';

GRANT SELECT ON payments_view_captured, payments_view_states TO shunfu_app;
