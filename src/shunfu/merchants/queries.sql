-- name: add_merchant
-- One side of an organisation.
INSERT INTO merchants (merchant_id, organisation_id, name, mode, return_origins, created_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: get_merchant
-- One merchant by id.
SELECT merchant_id, organisation_id, name, mode, return_origins FROM merchants WHERE merchant_id = $1;

-- name: list_merchants
-- Merchants of the installation, oldest first, for staff commands.
-- scope: platform
SELECT merchant_id, organisation_id, name, mode, return_origins FROM merchants
WHERE merchant_id > $1 ORDER BY merchant_id LIMIT 1000;

-- name: add_api_key
-- A key; only the hash of its secret is kept.
INSERT INTO api_keys (merchant_id, key_id, label, secret_sha256, capabilities, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: get_api_key
-- A key with its merchant's mode, to authenticate one request.
SELECT k.key_id, k.secret_sha256, k.capabilities, k.expires_at, k.revoked_at, m.mode
FROM api_keys k JOIN merchants m ON m.merchant_id = k.merchant_id
WHERE k.merchant_id = $1 AND k.key_id = $2;

-- name: revoke_api_key
-- The key answers 401 from now on.
UPDATE api_keys SET revoked_at = $3 WHERE merchant_id = $1 AND key_id = $2 AND revoked_at IS NULL;

-- name: list_api_keys
-- A merchant's API keys, revoked and expired ones too, newest first.
SELECT key_id, label, capabilities, created_at, expires_at, revoked_at FROM api_keys
WHERE merchant_id = $1 ORDER BY key_id DESC LIMIT 1000;

-- name: add_data_key
-- A wrapped data key for one purpose.
INSERT INTO data_keys (merchant_id, key_id, purpose, wrapped, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: get_data_key
-- One data key by id, to open an envelope.
SELECT key_id, purpose, wrapped FROM data_keys WHERE merchant_id = $1 AND key_id = $2;

-- name: newest_data_key
-- The data key that seals now for a purpose.
SELECT key_id, purpose, wrapped FROM data_keys
WHERE merchant_id = $1 AND purpose = $2 ORDER BY created_at DESC, key_id DESC LIMIT 1;

-- name: any_data_key
-- Whether anything was ever sealed in this installation.
-- scope: platform
SELECT merchant_id FROM data_keys LIMIT 1;

-- name: list_data_keys
-- A merchant's data keys, the newest of each purpose first.
SELECT key_id, purpose, created_at FROM data_keys WHERE merchant_id = $1
ORDER BY purpose, created_at DESC, key_id DESC LIMIT 1000;

-- name: list_wrapped_otherwise
-- Data keys that another key than this one wrapped, a page by merchant and id.
-- scope: platform
SELECT merchant_id, key_id, wrapped FROM data_keys
WHERE wrapped ->> 'k' <> $1 AND (merchant_id, key_id) > ($2, $3)
ORDER BY merchant_id, key_id LIMIT 200;

-- name: wrap_data_key
-- Another wrapping of the same data key, unless somebody changed it meanwhile.
UPDATE data_keys SET wrapped = $3 WHERE merchant_id = $1 AND key_id = $2 AND wrapped = $4;

-- name: count_wrapped
-- How many data keys each key encryption key has wrapped.
-- scope: platform
SELECT wrapped ->> 'k' AS key_name, count(*) AS uses FROM data_keys GROUP BY 1 ORDER BY 1 LIMIT 1000;

-- name: count_totps_wrapped
-- How many people's authenticators each key encryption key has sealed.
SELECT totp ->> 'k' AS key_name, count(*) AS uses FROM staff WHERE merchant_id = $1 GROUP BY 1 ORDER BY 1;

-- name: list_totps_wrapped_otherwise
-- People's authenticators that another key than this one sealed, a page by id.
SELECT staff_id, totp FROM staff
WHERE merchant_id = $1 AND totp ->> 'k' <> $2 AND staff_id > $3 ORDER BY staff_id LIMIT 200;

-- name: reseal_totp
-- The same secret sealed anew, unless somebody changed it meanwhile.
UPDATE staff SET totp = $3 WHERE merchant_id = $1 AND staff_id = $2 AND totp = $4;

-- name: begin_wrapping_key
-- A key encryption key comes into use. One that was there changes no row.
INSERT INTO wrapping_keys (merchant_id, key_name, begun_at, finished_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, key_name) DO NOTHING;

-- name: finish_wrapping_key
-- Everything is wrapped with it now; the second time changes no row.
UPDATE wrapping_keys SET finished_at = $3 WHERE merchant_id = $1 AND key_name = $2 AND finished_at IS NULL;

-- name: retire_wrapping_key
-- It was dropped; the second time changes no row.
UPDATE wrapping_keys SET retired_at = $3 WHERE merchant_id = $1 AND key_name = $2 AND retired_at IS NULL;

-- name: list_wrapping_keys
-- The key encryption keys that were ever in use, oldest first.
SELECT key_name, begun_at, finished_at, retired_at FROM wrapping_keys
WHERE merchant_id = $1 ORDER BY begun_at, key_name LIMIT 1000;

-- name: add_key_warning
-- Note that somebody is warned; a warning that was given before adds no row.
INSERT INTO key_warnings (merchant_id, kind, subject, name, ends, step, warned_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id, kind, subject, name, ends, step) DO NOTHING;

-- name: add_channel_account
-- A channel account with its credentials sealed.
INSERT INTO channel_accounts (merchant_id, account_id, mode, channel, label, is_sandbox, sealed, created_at, given_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8);

-- name: get_channel_account
-- One account by id, disabled ones too: their late notifications still count.
SELECT account_id, channel, label, is_sandbox, sealed FROM channel_accounts
WHERE merchant_id = $1 AND account_id = $2;

-- name: list_channel_accounts
-- The accounts that may take new payments, oldest first.
SELECT account_id, channel, label, is_sandbox, sealed FROM channel_accounts
WHERE merchant_id = $1 AND disabled_at IS NULL ORDER BY account_id LIMIT 100;

-- name: name_channel_accounts
-- Every account, disabled ones last: what they are paid and give back is reconciled all the same.
SELECT account_id, channel FROM channel_accounts
WHERE merchant_id = $1 ORDER BY disabled_at IS NOT NULL, account_id LIMIT 1000;

-- name: replace_credentials
-- Other credentials for an account; its channel stays, and a sandbox account stays one.
UPDATE channel_accounts SET sealed = $5, given_at = $6
WHERE merchant_id = $1 AND account_id = $2 AND channel = $3 AND is_sandbox = $4;

-- name: lock_credentials
-- Every account's sealed credentials, disabled ones' too, held until the transaction ends.
SELECT account_id, channel, label, is_sandbox, sealed FROM channel_accounts
WHERE merchant_id = $1 ORDER BY account_id LIMIT 1000 FOR UPDATE;

-- name: list_credentials
-- Every account that takes new payments, its sealed credentials and when they were given.
SELECT account_id, channel, label, is_sandbox, sealed, coalesce(given_at, created_at) AS given_at
FROM channel_accounts WHERE merchant_id = $1 AND disabled_at IS NULL ORDER BY account_id LIMIT 1000;

-- name: reseal_credentials
-- The same credentials in another envelope.
UPDATE channel_accounts SET sealed = $3 WHERE merchant_id = $1 AND account_id = $2;

-- name: set_return_origins
-- Replace the origins that a checkout may lead back to.
UPDATE merchants SET return_origins = $2 WHERE merchant_id = $1;

-- name: begin_audit_head
-- The head of a chain that has no row yet.
INSERT INTO audit_heads (merchant_id, sequence, hash) VALUES ($1, 0, $2) ON CONFLICT (merchant_id) DO NOTHING;

-- name: lock_audit_head
-- Where a chain ends; who asks holds it until the transaction ends, so that two writers wait for each other.
SELECT merchant_id, sequence, hash FROM audit_heads WHERE merchant_id = $1 FOR UPDATE;

-- name: get_audit_head
-- Where a chain ends.
SELECT merchant_id, sequence, hash FROM audit_heads WHERE merchant_id = $1;

-- name: append_audit_row
-- Move the head from ($2, $3) to the new row and write the row, or neither.
WITH moved AS (
    UPDATE audit_heads SET sequence = $2::bigint + 1, hash = $4
    WHERE merchant_id = $1 AND sequence = $2::bigint AND hash = $3
    RETURNING merchant_id, sequence, hash
)
INSERT INTO audit_log (merchant_id, sequence, audit_id, actor, action, object, before_sha256, after_sha256, detail,
                       happened_at, previous, hash)
SELECT $1::uuid, m.sequence, $5, $6, $7, $8, $9, $10, $11, $12, $3, m.hash FROM moved m;

-- name: list_audit_rows
-- One page of a chain, oldest first.
SELECT merchant_id, sequence, audit_id, actor, action, object, before_sha256, after_sha256, detail, happened_at,
       previous, hash
FROM audit_log WHERE merchant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3;

-- name: list_newest_audit_rows
-- The newest rows of a chain below a number, newest first.
SELECT merchant_id, sequence, audit_id, actor, action, object, before_sha256, after_sha256, detail, happened_at,
       previous, hash
FROM audit_log WHERE merchant_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3;

-- name: list_audit_heads
-- The ends of all chains, one page by merchant.
-- scope: platform
SELECT merchant_id, sequence, hash FROM audit_heads WHERE merchant_id > $1 ORDER BY merchant_id LIMIT 1000;

-- name: list_audited_merchants
-- Whoever should have a chain or has one, one page by merchant.
-- scope: platform
SELECT known.merchant_id FROM (
    SELECT m.merchant_id FROM merchants m
    UNION SELECT h.merchant_id FROM audit_heads h
    UNION SELECT l.merchant_id FROM audit_log l
) known
WHERE known.merchant_id > $1 ORDER BY known.merchant_id LIMIT 1000;

-- name: add_staff
-- A person; the password only as an argon2id hash, the authenticator's secret sealed. A taken login name adds no row.
INSERT INTO staff (merchant_id, staff_id, login_name, name, password_hash, totp, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id, login_name) DO NOTHING;

-- name: find_staff
-- A person by login name, for the log-in.
SELECT staff_id, login_name, name, password_hash, totp, totp_step, reset_at, disabled_at
FROM staff WHERE merchant_id = $1 AND login_name = $2;

-- name: lock_staff
-- A person by id, held until the transaction ends.
SELECT staff_id, login_name, name, password_hash, totp, totp_step, reset_at, disabled_at
FROM staff WHERE merchant_id = $1 AND staff_id = $2 FOR UPDATE;

-- name: get_staff
-- A person by id.
SELECT staff_id, login_name, name, password_hash, totp, totp_step, reset_at, disabled_at
FROM staff WHERE merchant_id = $1 AND staff_id = $2;

-- name: any_staff
-- Whether anybody can log in yet.
SELECT staff_id FROM staff WHERE merchant_id = $1 LIMIT 1;

-- name: hold_guesses
-- A counter of wrong guesses, made when there is none, and held until the transaction ends: one guess after the other.
INSERT INTO staff_guesses (merchant_id, counter_id, failures) VALUES ($1, $2, 0)
ON CONFLICT (merchant_id, counter_id) DO UPDATE SET failures = staff_guesses.failures
RETURNING failures, locked_until;

-- name: count_guesses
-- How many guesses in a row were wrong, and until when nothing more is tried.
UPDATE staff_guesses SET failures = $3, locked_until = $4 WHERE merchant_id = $1 AND counter_id = $2;

-- name: take_code
-- A right code: its step of time is used up, and so is every earlier one.
UPDATE staff SET totp_step = $3
WHERE merchant_id = $1 AND staff_id = $2 AND (totp_step IS NULL OR totp_step < $3);

-- name: note_login
-- The person logged in.
UPDATE staff SET last_login_at = $3 WHERE merchant_id = $1 AND staff_id = $2;

-- name: seal_totp
-- Another secret for an authenticator that is not set up yet: one that was shown before opens nothing.
UPDATE staff SET totp = $3 WHERE merchant_id = $1 AND staff_id = $2 AND totp_step IS NULL;

-- name: forget_totp
-- A fresh secret in place of a lost authenticator's, and log-in by link only until the person has come.
UPDATE staff SET totp = $3, totp_step = NULL, reset_at = NULL WHERE merchant_id = $1 AND staff_id = $2;

-- name: set_staff_reset
-- Close the log-in until a link is used ($3: since when), or open it again (null).
UPDATE staff SET reset_at = $3 WHERE merchant_id = $1 AND staff_id = $2;

-- name: set_staff_password
-- Another password, as an argon2id hash.
UPDATE staff SET password_hash = $3 WHERE merchant_id = $1 AND staff_id = $2;

-- name: disable_staff
-- The person is out at the next request. One who is out already changes no row.
UPDATE staff SET disabled_at = $3 WHERE merchant_id = $1 AND staff_id = $2 AND disabled_at IS NULL;

-- name: add_staff_role
-- What a person may do at a merchant; the role that is there stays.
INSERT INTO staff_roles (merchant_id, staff_id, role, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, staff_id) DO NOTHING;

-- name: set_staff_role
-- Another role at a merchant that the person works for.
UPDATE staff_roles SET role = $3 WHERE merchant_id = $1 AND staff_id = $2;

-- name: remove_staff_role
-- The person works for the merchant no longer.
DELETE FROM staff_roles WHERE merchant_id = $1 AND staff_id = $2;

-- name: lock_owners
-- A merchant's owners, held until the transaction ends: who changes staff waits for whoever else does.
SELECT staff_id FROM staff_roles WHERE merchant_id = $1 AND role = 'owner' ORDER BY staff_id FOR UPDATE;

-- name: count_able_staff
-- How many of these people can log in.
SELECT count(*) FROM staff
WHERE merchant_id = $1 AND staff_id = ANY ($2) AND disabled_at IS NULL AND totp_step IS NOT NULL;

-- name: lock_staff_role
-- What a person may do at a merchant, held until the transaction ends.
SELECT role FROM staff_roles WHERE merchant_id = $1 AND staff_id = $2 FOR UPDATE;

-- name: list_staff_of_merchant
-- Who works for a merchant, by name, with what a page about them shows.
-- scope: platform
SELECT p.staff_id, p.login_name, p.name, r.role, p.last_login_at, p.totp_step IS NOT NULL AS has_totp, p.reset_at,
    p.disabled_at, g.locked_until,
    (SELECT count(*) FROM staff_passkeys k
     WHERE k.merchant_id = $2 AND k.staff_id = p.staff_id AND k.removed_at IS NULL) AS passkeys
FROM staff_roles r
JOIN staff p ON p.merchant_id = $2 AND p.staff_id = r.staff_id
LEFT JOIN staff_guesses g ON g.merchant_id = $2 AND g.counter_id = p.staff_id
WHERE r.merchant_id = $1 ORDER BY p.disabled_at IS NOT NULL, p.name, p.staff_id LIMIT 500;

-- name: list_staff_sides
-- The merchants that a person works for, the test sides first.
-- scope: platform
SELECT r.merchant_id, r.role, m.name, m.mode FROM staff_roles r JOIN merchants m ON m.merchant_id = r.merchant_id
WHERE r.staff_id = $1 ORDER BY m.name, m.mode DESC, r.merchant_id LIMIT 100;

-- name: list_organisation
-- The sides of an organisation.
-- scope: platform
SELECT merchant_id, organisation_id, name, mode, return_origins FROM merchants
WHERE organisation_id = $1 ORDER BY merchant_id LIMIT 10;

-- name: add_staff_session
-- A session at one of its stages; only the hash of its secret is kept. `proved_at`: when the second factor was given.
INSERT INTO staff_sessions
    (merchant_id, session_id, staff_id, secret_sha256, stage, side, agent, created_at, seen_at, ends_at, proved_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10);

-- name: get_staff_session
-- A session with its person, and what the person may do at the merchant that is looked at.
-- scope: platform
SELECT s.session_id, s.staff_id, s.secret_sha256, s.stage, s.side, s.created_at, s.seen_at, s.ends_at, s.ended_at,
    s.proved_at, p.name, p.disabled_at, r.role, m.name AS merchant_name, m.mode
FROM staff_sessions s
JOIN staff p ON p.merchant_id = s.merchant_id AND p.staff_id = s.staff_id
LEFT JOIN staff_roles r ON r.merchant_id = s.side AND r.staff_id = s.staff_id
LEFT JOIN merchants m ON m.merchant_id = s.side
WHERE s.merchant_id = $1 AND s.session_id = $2 LIMIT 1;

-- name: hold_staff_session
-- A session that has not ended, held until the transaction ends: it is renewed once.
SELECT ends_at, side FROM staff_sessions
WHERE merchant_id = $1 AND session_id = $2 AND stage = 'open' AND ended_at IS NULL FOR UPDATE;

-- name: see_staff_session
-- The session was used.
UPDATE staff_sessions SET seen_at = $3 WHERE merchant_id = $1 AND session_id = $2;

-- name: set_session_side
-- Another merchant is looked at.
UPDATE staff_sessions SET side = $3 WHERE merchant_id = $1 AND session_id = $2;

-- name: put_challenge
-- A fresh passkey challenge in the session's place for one; the one before is forgotten.
UPDATE staff_sessions SET challenge = $3, challenge_ends_at = $4
WHERE merchant_id = $1 AND session_id = $2 AND ended_at IS NULL;

-- name: get_challenge
-- The session's passkey challenge, held until the transaction ends.
SELECT challenge, challenge_ends_at FROM staff_sessions
WHERE merchant_id = $1 AND session_id = $2 AND challenge IS NOT NULL FOR UPDATE;

-- name: end_staff_session
-- The session ends at once; one of another person does not.
UPDATE staff_sessions SET ended_at = $4
WHERE merchant_id = $1 AND session_id = $2 AND staff_id = $3 AND ended_at IS NULL;

-- name: end_staff_sessions
-- Every session of a person ends at once.
UPDATE staff_sessions SET ended_at = $3 WHERE merchant_id = $1 AND staff_id = $2 AND ended_at IS NULL;

-- name: list_staff_sessions
-- A person's open sessions, newest first.
SELECT session_id, created_at, seen_at, agent FROM staff_sessions
WHERE merchant_id = $1 AND staff_id = $2 AND stage = 'open' AND ended_at IS NULL AND ends_at > $3 AND seen_at > $4
ORDER BY created_at DESC LIMIT 100;

-- name: add_staff_link
-- A link that is used once; only the hash of its secret is kept. It has a role, or the person whom it is for.
INSERT INTO staff_links
    (merchant_id, link_id, organisation_id, role, staff_id, secret_sha256, created_at, ends_at, made_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: end_founding_links
-- Only the newest link founds an organisation.
UPDATE staff_links SET ends_at = $2
WHERE merchant_id = $1 AND organisation_id IS NULL AND staff_id IS NULL AND used_at IS NULL AND ends_at > $2;

-- name: end_reset_links
-- Only the newest link gives a person a new second factor.
UPDATE staff_links SET ends_at = $3 WHERE merchant_id = $1 AND staff_id = $2 AND used_at IS NULL AND ends_at > $3;

-- name: end_links_made
-- What a person made for an organisation ($3; null: for any) and nobody has used ends with the person's right to it.
UPDATE staff_links SET ends_at = $4
WHERE merchant_id = $1 AND made_by = $2 AND ($3::uuid IS NULL OR organisation_id = $3) AND used_at IS NULL
    AND ends_at > $4;

-- name: get_staff_link
-- One link, used and ended ones too.
SELECT link_id, organisation_id, role, staff_id, made_by, secret_sha256, ends_at, used_at
FROM staff_links WHERE merchant_id = $1 AND link_id = $2;

-- name: list_staff_links
-- The links of an organisation that are still good, oldest first, with who made them and whom they are for.
SELECT l.link_id, l.role, l.staff_id, l.created_at, l.ends_at, m.name AS maker, p.name AS person
FROM staff_links l
LEFT JOIN staff m ON m.merchant_id = l.merchant_id AND m.staff_id = l.made_by
LEFT JOIN staff p ON p.merchant_id = l.merchant_id AND p.staff_id = l.staff_id
WHERE l.merchant_id = $1 AND l.organisation_id = $2 AND l.used_at IS NULL AND l.ends_at > $3
ORDER BY l.link_id LIMIT 100;

-- name: end_staff_link
-- A link that is still good ends; one of another organisation does not.
UPDATE staff_links SET ends_at = $4
WHERE merchant_id = $1 AND link_id = $2 AND organisation_id = $3 AND used_at IS NULL AND ends_at > $4
RETURNING staff_id;

-- name: use_staff_link
-- The link is used up; a second use changes no row.
UPDATE staff_links SET used_at = $3 WHERE merchant_id = $1 AND link_id = $2 AND used_at IS NULL AND ends_at > $3;

-- name: add_passkey
-- A passkey. One that anybody has registered before adds no row.
INSERT INTO staff_passkeys (merchant_id, passkey_id, staff_id, credential, public_key, sign_count, name, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (merchant_id, credential) DO NOTHING;

-- name: list_passkeys
-- A person's passkeys, oldest first.
SELECT passkey_id, credential, public_key, sign_count, name, created_at, used_at FROM staff_passkeys
WHERE merchant_id = $1 AND staff_id = $2 AND removed_at IS NULL ORDER BY passkey_id LIMIT 20;

-- name: use_passkey
-- A passkey answered: its counter never goes back.
UPDATE staff_passkeys SET sign_count = $4, used_at = $5
WHERE merchant_id = $1 AND passkey_id = $2 AND staff_id = $3 AND removed_at IS NULL
    AND (sign_count < $4 OR (sign_count = 0 AND $4 = 0));

-- name: remove_passkey
-- A passkey of the person's own is good no longer.
UPDATE staff_passkeys SET removed_at = $4
WHERE merchant_id = $1 AND passkey_id = $2 AND staff_id = $3 AND removed_at IS NULL;

-- name: remove_passkeys
-- No passkey of a person is good any longer.
UPDATE staff_passkeys SET removed_at = $3 WHERE merchant_id = $1 AND staff_id = $2 AND removed_at IS NULL;

-- name: add_recovery_code
-- A recovery code, as a hash.
INSERT INTO staff_recovery_codes (merchant_id, staff_id, code_sha256, created_at) VALUES ($1, $2, $3, $4);

-- name: use_recovery_code
-- A recovery code is used up; a second use changes no row.
UPDATE staff_recovery_codes SET ended_at = $4
WHERE merchant_id = $1 AND staff_id = $2 AND code_sha256 = $3 AND ended_at IS NULL;

-- name: end_recovery_codes
-- No recovery code of a person is good any longer.
UPDATE staff_recovery_codes SET ended_at = $3 WHERE merchant_id = $1 AND staff_id = $2 AND ended_at IS NULL;

-- name: count_recovery_codes
-- How many recovery codes a person has left.
SELECT count(*) FROM staff_recovery_codes WHERE merchant_id = $1 AND staff_id = $2 AND ended_at IS NULL;

-- name: add_identity
-- Who a person is at an identity provider. One that is somebody else's, or linked already, changes no row.
INSERT INTO staff_identities (merchant_id, issuer, subject, staff_id, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant_id, issuer, subject) DO UPDATE
SET staff_id = excluded.staff_id, created_at = excluded.created_at, removed_at = NULL
WHERE staff_identities.removed_at IS NOT NULL;

-- name: find_identity
-- Whose identity it is.
SELECT p.staff_id, p.login_name, p.name, p.password_hash, p.totp, p.totp_step, p.reset_at, p.disabled_at
FROM staff_identities i JOIN staff p ON p.merchant_id = i.merchant_id AND p.staff_id = i.staff_id
WHERE i.merchant_id = $1 AND i.issuer = $2 AND i.subject = $3 AND i.removed_at IS NULL;

-- name: list_identities
-- A person's identities, oldest first.
SELECT issuer, subject, created_at FROM staff_identities
WHERE merchant_id = $1 AND staff_id = $2 AND removed_at IS NULL ORDER BY created_at, issuer, subject LIMIT 20;

-- name: remove_identities
-- None of a person's identities opens a door any longer.
UPDATE staff_identities SET removed_at = $3 WHERE merchant_id = $1 AND staff_id = $2 AND removed_at IS NULL;

-- name: use_nonce
-- A nonce is used up; a second use adds no row.
INSERT INTO staff_nonces (merchant_id, nonce_sha256, ends_at) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id, nonce_sha256) DO NOTHING;

-- name: forget_nonces
-- Nonces whose time is over.
DELETE FROM staff_nonces WHERE merchant_id = $1 AND ends_at < $2;
