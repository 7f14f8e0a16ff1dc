-- Tenants, their API keys, their data keys and their channel accounts.
-- A test side and a live side are two merchants of one organisation; nothing crosses between them.

CREATE TABLE merchants (
    merchant_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    return_origins text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id),
    UNIQUE (merchant_id, mode)
);

CREATE TABLE api_keys (
    merchant_id uuid NOT NULL,
    key_id uuid NOT NULL,
    label text NOT NULL,
    secret_sha256 bytea NOT NULL,
    capabilities text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (merchant_id, key_id),
    FOREIGN KEY (merchant_id) REFERENCES merchants (merchant_id)
);

-- One data key a merchant and purpose, wrapped by the installation's key encryption key.
CREATE TABLE data_keys (
    merchant_id uuid NOT NULL,
    key_id uuid NOT NULL,
    purpose text NOT NULL,
    wrapped jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, key_id),
    UNIQUE (merchant_id, purpose, created_at),
    FOREIGN KEY (merchant_id) REFERENCES merchants (merchant_id)
);

-- The CHECK keeps a sandbox on a test side and a real channel on a live side.
CREATE TABLE channel_accounts (
    merchant_id uuid NOT NULL,
    account_id uuid NOT NULL,
    mode text NOT NULL,
    channel text NOT NULL,
    label text NOT NULL,
    is_sandbox boolean NOT NULL,
    sealed jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    PRIMARY KEY (merchant_id, account_id),
    FOREIGN KEY (merchant_id, mode) REFERENCES merchants (merchant_id, mode),
    CHECK (is_sandbox = (mode = 'test'))
);

GRANT SELECT, INSERT, UPDATE ON merchants, api_keys, data_keys, channel_accounts TO shunfu_app;
