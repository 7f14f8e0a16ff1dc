-- name: add_shopper
-- A new shopper: a row that says nothing of a person.
INSERT INTO shoppers (merchant_id, shopper_id, created_at) VALUES ($1, $2, $3);

-- name: lock_shopper
-- A shopper, held until the transaction ends, so that whoever writes of one waits for whoever erases it.
SELECT shopper_id, created_at, merged_into, erased_at FROM shoppers
WHERE merchant_id = $1 AND shopper_id = $2 FOR UPDATE;

-- name: lock_shoppers
-- Shoppers who are to be one, held until the transaction ends, always in the same order.
SELECT shopper_id FROM shoppers WHERE merchant_id = $1 AND shopper_id = ANY ($2::uuid[]) ORDER BY shopper_id FOR UPDATE;

-- name: get_shopper
-- A shopper as kept: since when, and whether erased or the same as another.
SELECT shopper_id, created_at, merged_into, erased_at FROM shoppers WHERE merchant_id = $1 AND shopper_id = $2;

-- name: merge_shopper
-- A shopper ($2) and whoever was the same as that one are the same as another ($3).
UPDATE shoppers SET merged_into = $3 WHERE merchant_id = $1 AND (shopper_id = $2 OR merged_into = $2);

-- name: erase_shopper
-- The shopper is gone; the row stays as proof of when.
UPDATE shoppers SET erased_at = $3 WHERE merchant_id = $1 AND shopper_id = $2 AND erased_at IS NULL;

-- name: add_lookup_key
-- The key of a merchant's hashes, once.
INSERT INTO shopper_lookup_keys (merchant_id, sealed, created_at) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id) DO NOTHING;

-- name: get_lookup_key
-- The key of a merchant's hashes, sealed.
SELECT sealed FROM shopper_lookup_keys WHERE merchant_id = $1;

-- name: lock_identities
-- Whose these identities are, held until the transaction ends.
SELECT lookup, shopper_id FROM shopper_identities
WHERE merchant_id = $1 AND lookup = ANY ($2::bytea[]) ORDER BY lookup FOR UPDATE;

-- name: add_identity
-- An identity; one that is known by now changes no row.
INSERT INTO shopper_identities (merchant_id, identity_id, shopper_id, kind, channel, app, lookup, sealed, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (merchant_id, lookup) DO NOTHING;

-- name: identity_at
-- A shopper's id in one application of a channel, sealed.
SELECT identity_id, sealed FROM shopper_identities
WHERE merchant_id = $1 AND shopper_id = $2 AND kind = 'app' AND channel = $3 AND app = $4
ORDER BY identity_id DESC LIMIT 1;

-- name: list_identities
-- Where a shopper is known, without the ids.
SELECT kind, channel, app, created_at FROM shopper_identities
WHERE merchant_id = $1 AND shopper_id = $2 ORDER BY identity_id LIMIT 100;

-- name: move_identities
-- The identities of a shopper are another's, who is the same person.
UPDATE shopper_identities SET shopper_id = $3 WHERE merchant_id = $1 AND shopper_id = $2;

-- name: delete_identities
-- Nothing is left by which a shopper could be found.
DELETE FROM shopper_identities WHERE merchant_id = $1 AND shopper_id = $2;

-- name: add_session
-- A session; only the hash of its secret is kept.
INSERT INTO shopper_sessions (merchant_id, session_id, shopper_id, secret_sha256, channel, created_at, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: get_session
-- One session, ended ones too.
SELECT shopper_id, secret_sha256, ends_at, ended_at FROM shopper_sessions WHERE merchant_id = $1 AND session_id = $2;

-- name: list_sessions
-- A shopper's sessions that are still kept, newest first.
SELECT channel, created_at, ends_at, ended_at FROM shopper_sessions
WHERE merchant_id = $1 AND shopper_id = $2 ORDER BY session_id DESC LIMIT 100;

-- name: end_session
-- The session ends at once.
UPDATE shopper_sessions SET ended_at = $3 WHERE merchant_id = $1 AND session_id = $2 AND ended_at IS NULL;

-- name: move_sessions
-- The sessions of a shopper are another's, who is the same person.
UPDATE shopper_sessions SET shopper_id = $3 WHERE merchant_id = $1 AND shopper_id = $2;

-- name: delete_sessions
-- Every session of a shopper is gone.
DELETE FROM shopper_sessions WHERE merchant_id = $1 AND shopper_id = $2;

-- name: delete_old_sessions
-- Sessions whose time was over before an instant, a bounded number at a time.
DELETE FROM shopper_sessions d WHERE d.merchant_id = $1 AND d.session_id IN (
    SELECT s.session_id FROM shopper_sessions s
    WHERE s.merchant_id = $1 AND s.ends_at < $2 ORDER BY s.ends_at LIMIT 1000
);

-- name: put_profile
-- What a shopper lets us fill in, sealed.
INSERT INTO shopper_profiles (merchant_id, shopper_id, sealed, updated_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, shopper_id) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at;

-- name: get_profile
-- What a shopper lets us fill in, sealed.
SELECT sealed FROM shopper_profiles WHERE merchant_id = $1 AND shopper_id = $2;

-- name: delete_profile
-- Nothing is filled in any more.
DELETE FROM shopper_profiles WHERE merchant_id = $1 AND shopper_id = $2;

-- name: put_method
-- The method of a payment that succeeded; an older one, or the same once more, changes no row.
INSERT INTO shopper_methods (merchant_id, shopper_id, method, happened_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, shopper_id) DO UPDATE SET method = excluded.method, happened_at = excluded.happened_at
WHERE shopper_methods.happened_at < excluded.happened_at;

-- name: get_method
-- The method of a shopper's last payment that succeeded.
SELECT method, happened_at FROM shopper_methods WHERE merchant_id = $1 AND shopper_id = $2;

-- name: delete_method
-- How a shopper paid is forgotten.
DELETE FROM shopper_methods WHERE merchant_id = $1 AND shopper_id = $2;

-- name: add_consent
-- An answer to a question for consent, for good.
INSERT INTO shopper_consents (merchant_id, consent_id, shopper_id, kind, is_given, happened_at, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: latest_consents
-- A shopper's last answers, at most one a question.
SELECT kind, is_given, happened_at FROM shoppers_view_consents
WHERE merchant_id = $1 AND shopper_id = $2 ORDER BY kind LIMIT 10;

-- name: list_consents
-- A shopper's answers, oldest first; of very many the first 1,000.
SELECT kind, is_given, happened_at FROM shopper_consents
WHERE merchant_id = $1 AND shopper_id = $2 ORDER BY consent_id LIMIT 1000;

-- name: get_platform_token
-- A platform's token for an application, sealed.
SELECT sealed, expires_at FROM shopper_platform_tokens WHERE merchant_id = $1 AND account_id = $2;

-- name: claim_platform_token
-- The right to fetch another token, for one at a time; whoever has it sees the token that is there now.
INSERT INTO shopper_platform_tokens (merchant_id, account_id, lease_token, lease_until) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, account_id) DO UPDATE
SET lease_token = excluded.lease_token, lease_until = excluded.lease_until
WHERE shopper_platform_tokens.lease_until IS NULL OR shopper_platform_tokens.lease_until <= $5
RETURNING sealed, expires_at;

-- name: keep_platform_token
-- The token that was fetched by whoever has the right to.
UPDATE shopper_platform_tokens SET sealed = $4, expires_at = $5, lease_token = NULL, lease_until = NULL
WHERE merchant_id = $1 AND account_id = $2 AND lease_token = $3;

-- name: release_platform_token
-- The right to fetch is given back.
UPDATE shopper_platform_tokens SET lease_token = NULL, lease_until = NULL
WHERE merchant_id = $1 AND account_id = $2 AND lease_token = $3;
