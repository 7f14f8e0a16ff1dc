-- What a payment takes off its order by an offer, who pays, and what an order asks of the shopper. `amount_minor` is what
-- is paid: the order's amount less the discount.
ALTER TABLE orders ADD COLUMN needs jsonb NOT NULL DEFAULT '[]';
ALTER TABLE payments ADD COLUMN offer_id uuid;
ALTER TABLE payments ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN shopper_id uuid;
ALTER TABLE payments ADD CONSTRAINT payments_discount
    CHECK (discount_minor >= 0 AND (discount_minor > 0) = (offer_id IS NOT NULL)) NOT VALID;

-- Where to send it and whom to bill, as the shopper gave it with the last payment that was begun; sealed.
CREATE TABLE order_contacts (
    merchant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    contact jsonb NOT NULL,
    given_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, order_id),
    FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, order_id)
);

CREATE OR REPLACE VIEW payments_view_payments AS
SELECT merchant_id, payment_id, order_id, channel, scene, amount_minor, currency, state, is_surplus,
       channel_transaction_no, created_at, captured_at, discount_minor, offer_id
FROM payments;

GRANT SELECT, INSERT, UPDATE ON order_contacts TO shunfu_app;
