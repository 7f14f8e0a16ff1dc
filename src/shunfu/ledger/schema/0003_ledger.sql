-- Double entry, append-only. A transfer has one debit account, one credit account and one amount, so it balances by
-- construction; the legs of one business fact share a transaction id.

CREATE TABLE accounts (
    merchant_id uuid NOT NULL,
    account_id uuid NOT NULL,
    code text NOT NULL,
    currency text NOT NULL,
    normal_side text NOT NULL CHECK (normal_side IN ('debit', 'credit')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, account_id),
    UNIQUE (merchant_id, code, currency),
    UNIQUE (merchant_id, account_id, currency)
);

-- The foreign keys carry the currency: no transfer can cross currencies. The unique key posts a fact once.
CREATE TABLE transfers (
    merchant_id uuid NOT NULL,
    transfer_id uuid NOT NULL,
    transaction_id uuid NOT NULL,
    recipe text NOT NULL,
    reference_id uuid NOT NULL,
    leg integer NOT NULL CHECK (leg >= 0),
    debit_account_id uuid NOT NULL,
    credit_account_id uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, transfer_id),
    UNIQUE (merchant_id, recipe, reference_id, leg),
    FOREIGN KEY (merchant_id, debit_account_id, currency) REFERENCES accounts (merchant_id, account_id, currency),
    FOREIGN KEY (merchant_id, credit_account_id, currency) REFERENCES accounts (merchant_id, account_id, currency),
    CHECK (debit_account_id <> credit_account_id)
);

-- Two entries a transfer: what the account books of an accountant show.
CREATE VIEW ledger_view_entries AS
SELECT merchant_id, transfer_id, transaction_id, recipe, reference_id, debit_account_id AS account_id,
       'debit'::text AS side, amount_minor, currency, happened_at, recorded_at
FROM transfers
UNION ALL
SELECT merchant_id, transfer_id, transaction_id, recipe, reference_id, credit_account_id AS account_id,
       'credit'::text AS side, amount_minor, currency, happened_at, recorded_at
FROM transfers;

GRANT SELECT, INSERT ON accounts, transfers TO shunfu_app;
GRANT SELECT ON ledger_view_entries TO shunfu_app;
