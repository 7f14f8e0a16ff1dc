-- The database room: messages taken in once, events, and jobs.

CREATE TABLE inbox (
    merchant_id uuid NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    digest bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, source, external_id)
);

CREATE TABLE events (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    body jsonb NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, id)
);

-- A waiting job with a lease_token is being run. again_at: it was asked for anew while it ran.
CREATE TABLE jobs (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    args jsonb NOT NULL,
    run_at timestamptz NOT NULL,
    again_at timestamptz,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts integer NOT NULL CHECK (max_attempts > 0),
    lease_until timestamptz,
    lease_token uuid,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'dead')),
    last_error text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (merchant_id, id),
    UNIQUE (merchant_id, kind, key),
    CHECK ((lease_until IS NULL) = (lease_token IS NULL)),
    CHECK ((state = 'waiting') = (finished_at IS NULL))
);

CREATE INDEX jobs_due ON jobs (run_at, merchant_id) WHERE state = 'waiting';
CREATE INDEX jobs_due_of_merchant ON jobs (merchant_id, run_at) WHERE state = 'waiting';
CREATE INDEX jobs_finished ON jobs (merchant_id, finished_at) WHERE state = 'done';

-- inbox and events are facts: the running server adds to them and never changes them.
GRANT SELECT, INSERT ON inbox, events TO shunfu_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO shunfu_app;
