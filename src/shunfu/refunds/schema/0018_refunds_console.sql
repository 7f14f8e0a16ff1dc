-- What staff look at: the alarms of refunds that still need a person, and the refunds that wait for one. An alarm stands
-- while the refund is in the state that it was raised in and no later alarm took its place.

CREATE VIEW refunds_view_alarms AS
SELECT e.merchant_id, e.evidence_id, e.refund_id, r.payment_id, r.order_id, r.state, r.amount_minor, r.currency, e.alarm,
       e.recorded_at
FROM refund_evidence e
JOIN refunds r ON r.merchant_id = e.merchant_id AND r.refund_id = e.refund_id
WHERE e.alarm IS NOT NULL AND e.state_after = r.state
  AND NOT EXISTS (
    SELECT 1 FROM refund_evidence later
    WHERE later.merchant_id = e.merchant_id AND later.refund_id = e.refund_id AND later.evidence_id > e.evidence_id
      AND later.alarm IS NOT NULL
  );

CREATE INDEX refund_evidence_alarms ON refund_evidence (merchant_id, evidence_id) WHERE alarm IS NOT NULL;
CREATE INDEX refunds_requested ON refunds (merchant_id, refund_id) WHERE state = 'REQUESTED';

GRANT SELECT ON refunds_view_alarms TO shunfu_app;
