-- People: proof within a session, passkeys, recovery codes, links that give a new authenticator, counters of wrong
-- guesses, and identities at the shop's own identity provider. All of them belong to the installation.

ALTER TABLE staff ADD COLUMN last_login_at timestamptz;
-- The second factor is being given anew: until the link is used or taken back, nobody logs in by this name.
ALTER TABLE staff ADD COLUMN reset_at timestamptz;

-- When the second factor was last given in the session, and the passkey challenge that was put to it.
ALTER TABLE staff_sessions ADD COLUMN proved_at timestamptz;
ALTER TABLE staff_sessions ADD COLUMN challenge bytea CHECK (length(challenge) = 32);
ALTER TABLE staff_sessions ADD COLUMN challenge_ends_at timestamptz;

-- A link with a person gives that person a new second factor; the roles stay. `made_by`: a person, or null for a command.
ALTER TABLE staff_links ADD COLUMN staff_id uuid;
ALTER TABLE staff_links ADD COLUMN made_by uuid;
ALTER TABLE staff_links ALTER COLUMN role DROP NOT NULL;
ALTER TABLE staff_links ADD CONSTRAINT staff_links_role_or_person CHECK ((role IS NULL) = (staff_id IS NOT NULL));

-- Wrong guesses in a row, by person, by known browser, and by a few counters for names that do not exist: a guess costs
-- the same reads and writes whether the name exists or not.
CREATE TABLE staff_guesses (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    counter_id uuid NOT NULL,
    failures integer NOT NULL CHECK (failures >= 0),
    locked_until timestamptz,
    PRIMARY KEY (merchant_id, counter_id)
);
INSERT INTO staff_guesses (merchant_id, counter_id, failures, locked_until)
SELECT merchant_id, staff_id, failures, locked_until FROM staff WHERE failures > 0;
ALTER TABLE staff DROP COLUMN failures;
ALTER TABLE staff DROP COLUMN locked_until;

-- A passkey: what the authenticator calls it, and the key that checks its answers (COSE).
CREATE TABLE staff_passkeys (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    passkey_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    credential bytea NOT NULL CHECK (length(credential) BETWEEN 1 AND 1023),
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL CHECK (sign_count >= 0),
    name text NOT NULL CHECK (name <> ''),
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    removed_at timestamptz,
    PRIMARY KEY (merchant_id, passkey_id),
    UNIQUE (merchant_id, credential),
    FOREIGN KEY (merchant_id, staff_id) REFERENCES staff (merchant_id, staff_id)
);
CREATE INDEX staff_passkeys_by_staff ON staff_passkeys (merchant_id, staff_id);

-- A recovery code stands in for the second factor once. A newer set ends the older one.
CREATE TABLE staff_recovery_codes (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    staff_id uuid NOT NULL,
    code_sha256 bytea NOT NULL CHECK (length(code_sha256) = 32),
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (merchant_id, staff_id, code_sha256),
    FOREIGN KEY (merchant_id, staff_id) REFERENCES staff (merchant_id, staff_id)
);

-- Who a person is at the identity provider: linked by the person, never by an e-mail address.
CREATE TABLE staff_identities (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    issuer text NOT NULL CHECK (issuer <> ''),
    subject text NOT NULL CHECK (subject <> ''),
    staff_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    removed_at timestamptz,
    PRIMARY KEY (merchant_id, issuer, subject),
    FOREIGN KEY (merchant_id, staff_id) REFERENCES staff (merchant_id, staff_id)
);

-- Nonces of identity tokens that were used, kept until no token with them could be young enough.
CREATE TABLE staff_nonces (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    nonce_sha256 bytea NOT NULL CHECK (length(nonce_sha256) = 32),
    ends_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, nonce_sha256)
);

GRANT SELECT, INSERT, UPDATE ON staff_guesses, staff_passkeys, staff_recovery_codes, staff_identities TO shunfu_app;
GRANT SELECT, INSERT, DELETE ON staff_nonces TO shunfu_app;
