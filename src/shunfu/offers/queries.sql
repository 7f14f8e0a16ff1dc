-- name: add_offer
-- A new offer; a repeated id (a retry after a crash) changes nothing.
INSERT INTO offers (merchant_id, offer_id, name, kind, amount_minor, percent_bp, minimum_minor, cap_minor, currency,
                    starts_at, ends_at, stock, per_shopper_max, state, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'ACTIVE', $14)
ON CONFLICT (merchant_id, offer_id) DO NOTHING;

-- name: get_offer
-- One offer.
SELECT merchant_id, offer_id, name, kind, amount_minor, percent_bp, minimum_minor, cap_minor, currency, starts_at, ends_at,
       stock, per_shopper_max, state, held, used, created_at, ended_at
FROM offers WHERE merchant_id = $1 AND offer_id = $2;

-- name: list_offers
-- A page of offers, newest first; a null state means all.
SELECT merchant_id, offer_id, name, kind, amount_minor, percent_bp, minimum_minor, cap_minor, currency, starts_at, ends_at,
       stock, per_shopper_max, state, held, used, created_at, ended_at
FROM offers
WHERE merchant_id = $1 AND offer_id < $2 AND ($3::text IS NULL OR state = $3::text)
ORDER BY offer_id DESC LIMIT $4;

-- name: count_active
-- How many offers run or wait at a moment.
SELECT count(*) FROM offers WHERE merchant_id = $1 AND state = 'ACTIVE' AND ends_at > $2;

-- name: end_offer
-- An offer ends; what payments hold of it they keep.
UPDATE offers SET state = 'ENDED', ended_at = $3 WHERE merchant_id = $1 AND offer_id = $2 AND state = 'ACTIVE';

-- name: running_offers
-- The offers that run at a moment and are not used up.
SELECT merchant_id, offer_id, name, kind, amount_minor, percent_bp, minimum_minor, cap_minor, currency, starts_at, ends_at,
       stock, per_shopper_max, state, held, used, created_at, ended_at
FROM offers
WHERE merchant_id = $1 AND state = 'ACTIVE' AND starts_at <= $2 AND ends_at > $2
  AND (stock IS NULL OR held + used < stock)
ORDER BY offer_id LIMIT $3;

-- name: take_one
-- Compare and set: one more held, while the offer stands and its stock lasts. Holds the offer until the transaction ends.
UPDATE offers SET held = held + 1
WHERE merchant_id = $1 AND offer_id = $2 AND state = 'ACTIVE' AND (stock IS NULL OR held + used < stock)
RETURNING merchant_id, offer_id, name, kind, amount_minor, percent_bp, minimum_minor, cap_minor, currency, starts_at,
          ends_at, stock, per_shopper_max, state, held, used, created_at, ended_at;

-- name: count_taken
-- How often a shopper holds or has used one offer.
SELECT count(*) FROM offer_redemptions
WHERE merchant_id = $1 AND shopper_id = $2 AND offer_id = $3 AND state <> 'RETURNED';

-- name: list_taken
-- How often a shopper holds or has used each of some offers.
SELECT offer_id, count(*) AS taken FROM offer_redemptions
WHERE merchant_id = $1 AND shopper_id = $2 AND offer_id = ANY($3::uuid[]) AND state <> 'RETURNED'
GROUP BY offer_id;

-- name: add_redemption
-- An offer is held for a payment.
INSERT INTO offer_redemptions (merchant_id, payment_id, offer_id, shopper_id, saving_minor, state, held_at)
VALUES ($1, $2, $3, $4, $5, 'HELD', $6);

-- name: get_redemption
-- What one payment holds or has used.
SELECT merchant_id, payment_id, offer_id, shopper_id, saving_minor, state
FROM offer_redemptions WHERE merchant_id = $1 AND payment_id = $2;

-- name: move_redemption
-- Compare and set a redemption's state.
UPDATE offer_redemptions SET state = $4, settled_at = $5 WHERE merchant_id = $1 AND payment_id = $2 AND state = $3;

-- name: count_settled
-- What was held is so no more; $3 of it was used.
UPDATE offers SET held = held - 1, used = used + $3 WHERE merchant_id = $1 AND offer_id = $2;
