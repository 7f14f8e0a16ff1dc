-- Statements as they came, the runs that compared them with our books, and the breaks that they found.
-- A statement and its lines are facts: a day's statement that comes back different is one more statement.

CREATE TABLE statements (
    merchant_id uuid NOT NULL,
    statement_id uuid NOT NULL,
    account_id uuid NOT NULL,
    channel text NOT NULL,
    day date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('trade', 'funds')),
    origin text NOT NULL CHECK (origin IN ('fetched', 'file', 'none')),
    sha256 bytea NOT NULL,
    lines_sha256 bytea NOT NULL,
    bytes bigint NOT NULL CHECK (bytes >= 0),
    lines bigint NOT NULL CHECK (lines >= 0),
    currency text NOT NULL,
    sums jsonb NOT NULL,
    balance_minor bigint,
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, statement_id),
    UNIQUE (merchant_id, account_id, day, kind, lines_sha256)
);

-- No foreign key to the statement: lines and statement are written in one transaction, and a check for each of a million
-- lines would cost more than writing them. subject_id is our payment's or refund's id, where the line has our number.
CREATE TABLE statement_lines (
    merchant_id uuid NOT NULL,
    statement_id uuid NOT NULL,
    line_no integer NOT NULL CHECK (line_no > 0),
    kind text NOT NULL,
    subject_id uuid,
    number text NOT NULL,
    refund_number text NOT NULL,
    channel_transaction_no text NOT NULL,
    channel_refund_no text NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    currency text NOT NULL,
    state text NOT NULL,
    is_settled boolean NOT NULL,
    happened_at timestamptz NOT NULL,
    balance_minor bigint,
    PRIMARY KEY (merchant_id, statement_id, line_no)
);

-- What of a day's fees and payouts a run posted; the sum over a day's runs is what the ledger has of that day.
CREATE TABLE reconcile_runs (
    merchant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    account_id uuid NOT NULL,
    channel text NOT NULL,
    channel_account text NOT NULL,
    day date NOT NULL,
    state text NOT NULL CHECK (state IN ('WAITING', 'RUNNING', 'DONE', 'FAILED')),
    attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    lease_until timestamptz,
    requested_by text NOT NULL,
    fee_permyriad integer CHECK (fee_permyriad BETWEEN 0 AND 10000),
    statement_id uuid,
    funds_statement_id uuid,
    summary jsonb,
    fee_posted_minor bigint NOT NULL DEFAULT 0,
    settled_posted_minor bigint NOT NULL DEFAULT 0,
    reason text,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (merchant_id, run_id),
    CHECK ((state = 'RUNNING') = (lease_until IS NOT NULL)),
    CHECK (state <> 'DONE' OR (statement_id IS NOT NULL AND summary IS NOT NULL AND ended_at IS NOT NULL))
);

-- One run of an account's day at a time: whoever comes second goes on with it once its lease has ended.
CREATE UNIQUE INDEX reconcile_runs_unfinished ON reconcile_runs (merchant_id, account_id, day) WHERE state <> 'DONE';
CREATE INDEX reconcile_runs_by_day ON reconcile_runs (merchant_id, account_id, day, run_id);

-- A break is known by what it is about, so that the next run finds it again and never doubles it.
CREATE TABLE reconcile_breaks (
    merchant_id uuid NOT NULL,
    break_id uuid NOT NULL,
    account_id uuid NOT NULL,
    channel text NOT NULL,
    day date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('missing_here', 'missing_there', 'amount', 'status', 'fee', 'duplicate',
                                       'crossing_midnight')),
    subject_kind text NOT NULL CHECK (subject_kind IN ('payment', 'refund', 'number', 'movement')),
    subject text NOT NULL,
    opened_run_id uuid NOT NULL,
    last_run_id uuid NOT NULL,
    ours jsonb,
    theirs jsonb,
    difference_minor bigint NOT NULL,
    currency text NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'PROPOSED', 'APPROVED', 'REPAIRED', 'ACCEPTED', 'RESOLVED')),
    proposal jsonb,
    proposed_by text,
    decided_by text,
    note text,
    found_at timestamptz NOT NULL,
    repaired_at timestamptz,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, break_id),
    UNIQUE (merchant_id, account_id, day, kind, subject_kind, subject),
    CHECK (state NOT IN ('PROPOSED', 'APPROVED') OR (proposal IS NOT NULL AND proposed_by IS NOT NULL)),
    CHECK (decided_by IS NULL OR proposed_by IS NULL OR state = 'ACCEPTED' OR decided_by <> proposed_by),
    CHECK ((state = 'REPAIRED') = (repaired_at IS NOT NULL))
);

CREATE INDEX reconcile_breaks_by_run ON reconcile_breaks (merchant_id, last_run_id, break_id);
CREATE INDEX reconcile_breaks_unsettled ON reconcile_breaks (merchant_id, break_id)
    WHERE state IN ('OPEN', 'PROPOSED', 'APPROVED');

GRANT SELECT, INSERT ON statements, statement_lines TO shunfu_app;
GRANT SELECT, INSERT, UPDATE ON reconcile_runs, reconcile_breaks TO shunfu_app;
