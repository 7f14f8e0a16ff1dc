-- Offers, and what payments hold and use of them. `held` and `used` count redemptions, so that taking one is one compare
-- and set; the database holds that they never pass the stock, and that a discount leaves something to pay is the
-- payment's own CHECK.

CREATE TABLE offers (
    merchant_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('amount_off', 'percent_off')),
    amount_minor bigint CHECK (amount_minor > 0),
    percent_bp integer CHECK (percent_bp BETWEEN 1 AND 10000),
    minimum_minor bigint NOT NULL CHECK (minimum_minor >= 0),
    cap_minor bigint CHECK (cap_minor > 0),
    currency text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    stock bigint CHECK (stock > 0),
    per_shopper_max integer CHECK (per_shopper_max > 0),
    state text NOT NULL CHECK (state IN ('ACTIVE', 'ENDED')),
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (merchant_id, offer_id),
    CONSTRAINT offers_within_stock CHECK (stock IS NULL OR held + used <= stock),
    CONSTRAINT offers_one_size CHECK (
        (kind = 'amount_off' AND amount_minor IS NOT NULL AND percent_bp IS NULL AND cap_minor IS NULL)
        OR (kind = 'percent_off' AND percent_bp IS NOT NULL AND amount_minor IS NULL)
    ),
    CONSTRAINT offers_last CHECK (ends_at > starts_at)
);

-- What is looked through at every checkout: the offers that nobody has ended.
CREATE INDEX offers_active ON offers (merchant_id, offer_id) WHERE state = 'ACTIVE';

-- One a payment: what it takes off was fixed when the payment began, whatever becomes of the offer.
CREATE TABLE offer_redemptions (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    shopper_id uuid,
    saving_minor bigint NOT NULL CHECK (saving_minor > 0),
    state text NOT NULL CHECK (state IN ('HELD', 'USED', 'RETURNED')),
    held_at timestamptz NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (merchant_id, payment_id),
    FOREIGN KEY (merchant_id, offer_id) REFERENCES offers (merchant_id, offer_id),
    CONSTRAINT offer_redemptions_settled CHECK ((state = 'HELD') = (settled_at IS NULL))
);

CREATE INDEX offer_redemptions_by_shopper ON offer_redemptions (merchant_id, shopper_id, offer_id)
    WHERE shopper_id IS NOT NULL AND state <> 'RETURNED';

CREATE VIEW offers_view_offers AS
SELECT merchant_id, offer_id, name, kind, amount_minor, percent_bp, minimum_minor, cap_minor, currency, starts_at, ends_at,
       stock, per_shopper_max, state, held, used, created_at, ended_at
FROM offers;

GRANT SELECT, INSERT, UPDATE ON offers, offer_redemptions TO shunfu_app;
GRANT SELECT ON offers_view_offers TO shunfu_app;
