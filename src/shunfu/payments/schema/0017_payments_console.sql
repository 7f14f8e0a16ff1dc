-- What staff look at: orders and payments as they stand, and the alarms that still need a person. An alarm stands while the
-- payment is in the state that it was raised in, no later alarm took its place, the channel did not take back what
-- contradicted it, and, for surplus money, part of it has not begun to go back.

CREATE VIEW payments_view_orders AS
SELECT merchant_id, order_id, merchant_order_no, amount_minor, currency, subject, state, expires_at, created_at
FROM orders;

CREATE VIEW payments_view_payments AS
SELECT merchant_id, payment_id, order_id, channel, scene, amount_minor, currency, state, is_surplus,
       channel_transaction_no, created_at, captured_at
FROM payments;

CREATE VIEW payments_view_alarms AS
SELECT e.merchant_id, e.evidence_id, e.payment_id, p.order_id, p.state, p.amount_minor, p.currency, e.alarm, e.recorded_at
FROM payment_evidence e
JOIN payments p ON p.merchant_id = e.merchant_id AND p.payment_id = e.payment_id
WHERE e.alarm IS NOT NULL AND e.state_after = p.state
  AND (e.alarm <> 'surplus' OR p.refunded_minor + p.refund_reserved_minor < p.captured_minor)
  AND NOT EXISTS (
    SELECT 1 FROM payment_evidence later
    WHERE later.merchant_id = e.merchant_id AND later.payment_id = e.payment_id AND later.evidence_id > e.evidence_id
      AND ((later.alarm IS NOT NULL AND e.alarm <> 'surplus')
           OR (e.alarm = 'unexpected_evidence'
               AND later.kind = CASE WHEN e.state_after = 'CAPTURED' THEN 'paid' ELSE 'closed' END))
  );

CREATE INDEX payment_evidence_alarms ON payment_evidence (merchant_id, evidence_id) WHERE alarm IS NOT NULL;
CREATE INDEX payments_unknown ON payments (merchant_id, order_id) WHERE state = 'UNKNOWN';

-- A person has the number from a shopper's bill and looks for its order.
CREATE INDEX payments_by_transaction_no ON payments (merchant_id, channel_transaction_no)
    WHERE channel_transaction_no IS NOT NULL;

GRANT SELECT ON payments_view_orders, payments_view_payments, payments_view_alarms TO shunfu_app;
