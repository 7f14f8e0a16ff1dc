-- Shoppers: who pays, known by what the platforms say. Personal data and the platforms' ids only in envelopes.

-- A row stays for good and says nothing of a person. `merged_into`: it turned out to be the same person as another row.
CREATE TABLE shoppers (
    merchant_id uuid NOT NULL,
    shopper_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    merged_into uuid,
    erased_at timestamptz,
    PRIMARY KEY (merchant_id, shopper_id),
    FOREIGN KEY (merchant_id) REFERENCES merchants (merchant_id),
    FOREIGN KEY (merchant_id, merged_into) REFERENCES shoppers (merchant_id, shopper_id)
);
CREATE INDEX shoppers_merged ON shoppers (merchant_id, merged_into) WHERE merged_into IS NOT NULL;

-- The key of the hashes by which a merchant's shoppers are found; it never changes, so that they stay findable.
CREATE TABLE shopper_lookup_keys (
    merchant_id uuid NOT NULL PRIMARY KEY,
    sealed jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (merchant_id) REFERENCES merchants (merchant_id)
);

-- `app` is the merchant's own application at the channel; empty for an id that holds in all of an owner's applications.
CREATE TABLE shopper_identities (
    merchant_id uuid NOT NULL,
    identity_id uuid NOT NULL,
    shopper_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('app', 'union')),
    channel text NOT NULL,
    app text NOT NULL,
    lookup bytea NOT NULL CHECK (length(lookup) = 32),
    sealed jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, identity_id),
    UNIQUE (merchant_id, lookup),
    FOREIGN KEY (merchant_id, shopper_id) REFERENCES shoppers (merchant_id, shopper_id)
);
CREATE INDEX shopper_identities_by_shopper ON shopper_identities (merchant_id, shopper_id);

CREATE TABLE shopper_sessions (
    merchant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    shopper_id uuid NOT NULL,
    secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
    channel text NOT NULL,
    created_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (merchant_id, session_id),
    FOREIGN KEY (merchant_id, shopper_id) REFERENCES shoppers (merchant_id, shopper_id)
);
CREATE INDEX shopper_sessions_by_shopper ON shopper_sessions (merchant_id, shopper_id);
CREATE INDEX shopper_sessions_by_end ON shopper_sessions (merchant_id, ends_at);

CREATE TABLE shopper_profiles (
    merchant_id uuid NOT NULL,
    shopper_id uuid NOT NULL,
    sealed jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, shopper_id),
    FOREIGN KEY (merchant_id, shopper_id) REFERENCES shoppers (merchant_id, shopper_id)
);

-- The method of the last payment that succeeded; none is kept of a shopper who does not want to be personalised.
CREATE TABLE shopper_methods (
    merchant_id uuid NOT NULL,
    shopper_id uuid NOT NULL,
    method text NOT NULL,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, shopper_id),
    FOREIGN KEY (merchant_id, shopper_id) REFERENCES shoppers (merchant_id, shopper_id)
);

-- Every answer to a question for consent. A fact is never edited: the last one counts.
CREATE TABLE shopper_consents (
    merchant_id uuid NOT NULL,
    consent_id uuid NOT NULL,
    shopper_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('telemetry', 'personalisation')),
    is_given boolean NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, consent_id),
    FOREIGN KEY (merchant_id, shopper_id) REFERENCES shoppers (merchant_id, shopper_id)
);
CREATE INDEX shopper_consents_by_shopper ON shopper_consents (merchant_id, shopper_id, kind, consent_id);

CREATE VIEW shoppers_view_consents AS
SELECT c.merchant_id, c.shopper_id, c.kind, c.is_given, c.happened_at
FROM shopper_consents c
WHERE NOT EXISTS (
    SELECT 1 FROM shopper_consents later
    WHERE later.merchant_id = c.merchant_id AND later.shopper_id = c.shopper_id AND later.kind = c.kind
      AND later.consent_id > c.consent_id
);

-- A platform's token for an application, kept for all; `lease_until`: somebody is fetching another one.
CREATE TABLE shopper_platform_tokens (
    merchant_id uuid NOT NULL,
    account_id uuid NOT NULL,
    sealed jsonb,
    expires_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    PRIMARY KEY (merchant_id, account_id),
    FOREIGN KEY (merchant_id) REFERENCES merchants (merchant_id),
    CHECK ((sealed IS NULL) = (expires_at IS NULL))
);

GRANT SELECT, INSERT, UPDATE ON shoppers, shopper_platform_tokens TO shunfu_app;
GRANT SELECT, INSERT ON shopper_lookup_keys, shopper_consents TO shunfu_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON shopper_identities, shopper_sessions, shopper_profiles, shopper_methods
TO shunfu_app;
GRANT SELECT ON shoppers_view_consents TO shunfu_app;
