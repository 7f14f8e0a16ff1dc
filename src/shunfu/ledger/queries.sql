-- name: post
-- Open the accounts that a transaction needs and write its transfers, in one statement.
WITH opened AS (
    INSERT INTO accounts (merchant_id, account_id, code, currency, normal_side, created_at)
    SELECT $1::uuid, a.account_id, a.code, a.currency, a.normal_side, $14::timestamptz
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS a (account_id, code, currency, normal_side)
    ON CONFLICT DO NOTHING
)
INSERT INTO transfers (merchant_id, transfer_id, transaction_id, recipe, reference_id, leg, debit_account_id,
                       credit_account_id, amount_minor, currency, happened_at, recorded_at)
SELECT $1::uuid, t.transfer_id, $6::uuid, $7::text, $8::uuid, t.leg, t.debit, t.credit, t.amount_minor, t.currency,
       $13::timestamptz, $14::timestamptz
FROM unnest($9::uuid[], $10::uuid[], $11::uuid[], $12::bigint[], $15::text[], $16::integer[])
     AS t (transfer_id, debit, credit, amount_minor, currency, leg);

-- name: trial_balance
-- Debits and credits of every account, from the entries.
SELECT a.code, a.currency, a.normal_side,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.side = 'debit'), 0)::bigint AS debit_minor,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.side = 'credit'), 0)::bigint AS credit_minor
FROM accounts a
LEFT JOIN ledger_view_entries e ON e.merchant_id = a.merchant_id AND e.account_id = a.account_id
WHERE a.merchant_id = $1
GROUP BY a.code, a.currency, a.normal_side ORDER BY a.code, a.currency;

-- name: count_entries
-- How many transactions and entries there are.
SELECT count(DISTINCT e.transaction_id)::bigint AS transactions, count(*)::bigint AS entries
FROM ledger_view_entries e WHERE e.merchant_id = $1;

-- name: unbalanced_transactions
-- Transactions whose debits and credits differ in some currency; there must be none.
SELECT e.transaction_id FROM ledger_view_entries e WHERE e.merchant_id = $1
GROUP BY e.transaction_id, e.currency
HAVING sum(CASE WHEN e.side = 'debit' THEN e.amount_minor ELSE -e.amount_minor END) <> 0 LIMIT 100;

-- name: posted_amounts
-- What one recipe has posted for each reference, one page of references.
SELECT t.reference_id, t.currency, sum(t.amount_minor)::bigint AS amount_minor FROM transfers t
WHERE t.merchant_id = $1 AND t.recipe = $2 AND t.leg = 0 AND t.reference_id > $3
GROUP BY t.reference_id, t.currency ORDER BY t.reference_id LIMIT $4;

-- name: list_days
-- What moved on each day from $2 to $3, by channel (all, or $4), currency, recipe and kind of account.
SELECT d.day_cn, d.channel, d.currency, d.recipe, split_part(d.code, ':', 1) AS book,
       sum(d.debit_minor)::bigint AS debit_minor, sum(d.credit_minor)::bigint AS credit_minor
FROM ledger_view_days d
WHERE d.merchant_id = $1 AND d.day_cn BETWEEN $2 AND $3 AND ($4::text IS NULL OR d.channel = $4)
GROUP BY d.day_cn, d.channel, d.currency, d.recipe, split_part(d.code, ':', 1)
ORDER BY d.day_cn, d.channel, d.currency, d.recipe;

-- name: list_day_lines
-- The days' view itself from $2 to $3, to be compared with a recount.
SELECT d.day_cn, d.channel, d.channel_account, d.recipe, d.code, d.currency, d.debit_minor, d.credit_minor, d.entries
FROM ledger_view_days d WHERE d.merchant_id = $1 AND d.day_cn BETWEEN $2 AND $3;

-- name: list_accounts
-- One page of a merchant's accounts.
SELECT a.account_id, a.code, a.currency, a.normal_side FROM accounts a
WHERE a.merchant_id = $1 AND a.account_id > $2 ORDER BY a.account_id LIMIT $3;

-- name: list_transfers
-- One page of transfers as they were written, for a recount that trusts no view.
SELECT t.transfer_id, t.recipe, t.debit_account_id, t.credit_account_id, t.amount_minor, t.happened_at FROM transfers t
WHERE t.merchant_id = $1 AND t.transfer_id > $2 ORDER BY t.transfer_id LIMIT $3;

-- name: span_of_days
-- The first and the last day on which something moved.
SELECT min((t.happened_at AT TIME ZONE 'Asia/Shanghai')::date) AS first,
       max((t.happened_at AT TIME ZONE 'Asia/Shanghai')::date) AS last
FROM transfers t WHERE t.merchant_id = $1;

-- name: list_newest_transfers
-- Transfers below an id with the codes of their two accounts, newest first.
SELECT moved.transfer_id, moved.recipe, moved.reference_id, debit.code AS debit, credit.code AS credit,
       moved.amount_minor, moved.currency, moved.happened_at
FROM transfers AS moved
JOIN accounts AS debit ON debit.merchant_id = $1 AND debit.account_id = moved.debit_account_id
JOIN accounts AS credit ON credit.merchant_id = $1 AND credit.account_id = moved.credit_account_id
WHERE moved.merchant_id = $1 AND moved.transfer_id < $2
ORDER BY moved.transfer_id DESC LIMIT $3;
