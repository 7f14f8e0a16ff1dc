-- Keys change: which key encryption keys were in use and since when, when credentials were sealed, who was warned.

-- No key is here, only its name: as envelopes have it, an id of the key file's or a key service's own name. finished_at:
-- everything that was wrapped before is wrapped with it.
CREATE TABLE wrapping_keys (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    key_name text NOT NULL CHECK (key_name <> ''),
    begun_at timestamptz NOT NULL,
    finished_at timestamptz,
    retired_at timestamptz,
    PRIMARY KEY (merchant_id, key_name)
);

-- A warning about a key is given once for each of its ends and steps. `ends` is a time in RFC 3339, empty for never.
CREATE TABLE key_warnings (
    merchant_id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    ends text NOT NULL,
    step text NOT NULL,
    warned_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, kind, subject, name, ends, step)
);

-- When the credentials themselves were given: sealing the same ones anew does not count.
ALTER TABLE channel_accounts ADD COLUMN given_at timestamptz;
UPDATE channel_accounts SET given_at = created_at;

GRANT SELECT, INSERT, UPDATE ON wrapping_keys TO shunfu_app;
GRANT SELECT, INSERT ON key_warnings TO shunfu_app;
