-- Staff: people belong to the installation (the nil merchant); what they may do belongs to a merchant.

CREATE TABLE staff (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    staff_id uuid NOT NULL,
    login_name text NOT NULL CHECK (login_name <> '' AND login_name = lower(login_name)),
    name text NOT NULL CHECK (name <> ''),
    password_hash text NOT NULL,
    totp jsonb NOT NULL,
    totp_step bigint,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    locked_until timestamptz,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    PRIMARY KEY (merchant_id, staff_id),
    UNIQUE (merchant_id, login_name)
);

CREATE TABLE staff_roles (
    merchant_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'operator', 'finance', 'support', 'developer', 'viewer')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, staff_id),
    FOREIGN KEY (merchant_id) REFERENCES merchants (merchant_id)
);

-- `stage`: a second factor is to be set up, asked for, or was given. `side`: the merchant that is looked at.
CREATE TABLE staff_sessions (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    session_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
    stage text NOT NULL CHECK (stage IN ('enrol', 'code', 'open')),
    side uuid,
    agent text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (merchant_id, session_id),
    FOREIGN KEY (merchant_id, staff_id) REFERENCES staff (merchant_id, staff_id)
);
CREATE INDEX staff_sessions_by_staff ON staff_sessions (merchant_id, staff_id, created_at);

-- A link is used once. Without an organisation its holder founds one.
CREATE TABLE staff_links (
    merchant_id uuid NOT NULL CHECK (merchant_id = '00000000-0000-0000-0000-000000000000'),
    link_id uuid NOT NULL,
    organisation_id uuid,
    role text NOT NULL CHECK (role IN ('owner', 'operator', 'finance', 'support', 'developer', 'viewer')),
    secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
    created_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (merchant_id, link_id)
);

GRANT SELECT, INSERT, UPDATE ON staff, staff_roles, staff_sessions, staff_links TO shunfu_app;
