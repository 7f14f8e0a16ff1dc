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

-- name: add_channel_account
-- A channel account with its credentials sealed.
INSERT INTO channel_accounts (merchant_id, account_id, mode, channel, label, is_sandbox, sealed, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

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

-- name: reseal_channel_account
-- Replace an account's sealed credentials; its channel stays, and a sandbox account stays one.
UPDATE channel_accounts SET sealed = $5
WHERE merchant_id = $1 AND account_id = $2 AND channel = $3 AND is_sandbox = $4;

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
SELECT staff_id, login_name, name, password_hash, totp, totp_step, failures, locked_until, disabled_at
FROM staff WHERE merchant_id = $1 AND login_name = $2;

-- name: lock_staff
-- A person by id, held until the transaction ends: failures are counted one after the other.
SELECT staff_id, login_name, name, password_hash, totp, totp_step, failures, locked_until, disabled_at
FROM staff WHERE merchant_id = $1 AND staff_id = $2 FOR UPDATE;

-- name: any_staff
-- Whether anybody can log in yet.
SELECT staff_id FROM staff WHERE merchant_id = $1 LIMIT 1;

-- name: count_failure
-- A wrong password or code, and until when nothing more is tried.
UPDATE staff SET failures = $3, locked_until = $4 WHERE merchant_id = $1 AND staff_id = $2;

-- name: take_code
-- A right code: its step of time is used up, and so is every earlier one.
UPDATE staff SET totp_step = $3, failures = 0, locked_until = NULL
WHERE merchant_id = $1 AND staff_id = $2 AND (totp_step IS NULL OR totp_step < $3);

-- name: seal_totp
-- Another secret for an authenticator that is not set up yet: one that was shown before opens nothing.
UPDATE staff SET totp = $3 WHERE merchant_id = $1 AND staff_id = $2 AND totp_step IS NULL;

-- name: disable_staff
-- The person is out at the next request. One who is out already changes no row.
UPDATE staff SET disabled_at = $3 WHERE merchant_id = $1 AND staff_id = $2 AND disabled_at IS NULL;

-- name: add_staff_role
-- What a person may do at a merchant; the role that is there stays.
INSERT INTO staff_roles (merchant_id, staff_id, role, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, staff_id) DO NOTHING;

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
-- A session at one of its stages; only the hash of its secret is kept.
INSERT INTO staff_sessions
    (merchant_id, session_id, staff_id, secret_sha256, stage, side, agent, created_at, seen_at, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9);

-- name: get_staff_session
-- A session with its person, and what the person may do at the merchant that is looked at.
-- scope: platform
SELECT s.session_id, s.staff_id, s.secret_sha256, s.stage, s.side, s.created_at, s.seen_at, s.ends_at, s.ended_at,
    p.name, p.disabled_at, r.role, m.name AS merchant_name, m.mode
FROM staff_sessions s
JOIN staff p ON p.merchant_id = s.merchant_id AND p.staff_id = s.staff_id
LEFT JOIN staff_roles r ON r.merchant_id = s.side AND r.staff_id = s.staff_id
LEFT JOIN merchants m ON m.merchant_id = s.side
WHERE s.merchant_id = $1 AND s.session_id = $2 LIMIT 1;

-- name: see_staff_session
-- The session was used.
UPDATE staff_sessions SET seen_at = $3 WHERE merchant_id = $1 AND session_id = $2;

-- name: set_session_side
-- Another merchant is looked at.
UPDATE staff_sessions SET side = $3 WHERE merchant_id = $1 AND session_id = $2;

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
-- A link that is used once; only the hash of its secret is kept.
INSERT INTO staff_links (merchant_id, link_id, organisation_id, role, secret_sha256, created_at, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: end_founding_links
-- Only the newest link founds an organisation.
UPDATE staff_links SET ends_at = $2
WHERE merchant_id = $1 AND organisation_id IS NULL AND used_at IS NULL AND ends_at > $2;

-- name: get_staff_link
-- One link, used and ended ones too.
SELECT link_id, organisation_id, role, secret_sha256, ends_at, used_at
FROM staff_links WHERE merchant_id = $1 AND link_id = $2;

-- name: use_staff_link
-- The link is used up; a second use changes no row.
UPDATE staff_links SET used_at = $3 WHERE merchant_id = $1 AND link_id = $2 AND used_at IS NULL AND ends_at > $3;
