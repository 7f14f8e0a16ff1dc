-- name: add_statement
-- A statement whose lines were written in this transaction.
INSERT INTO statements (merchant_id, statement_id, account_id, channel, day, kind, origin, sha256, lines_sha256, bytes,
                        lines, currency, sums, balance_minor, fetched_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: list_statements_of_day
-- Every statement that an account's day ever had, newest first: one, unless the channel changed it.
SELECT statement_id, account_id, channel, day, kind, origin, sha256, lines_sha256, bytes, lines, currency, sums,
       balance_minor, fetched_at
FROM statements WHERE merchant_id = $1 AND account_id = $2 AND day = $3 AND kind = $4
ORDER BY fetched_at DESC, statement_id DESC LIMIT 100;

-- name: add_run
-- A run that waits; no row when the account's day has an unfinished one.
INSERT INTO reconcile_runs (merchant_id, run_id, account_id, channel, channel_account, day, state, requested_by,
                            fee_permyriad, requested_at)
VALUES ($1, $2, $3, $4, $5, $6, 'WAITING', $7, $8, $9)
ON CONFLICT (merchant_id, account_id, day) WHERE state <> 'DONE' DO NOTHING;

-- name: lock_unfinished_run
-- The account's day's run that has not ended well, locked; no row when there is none.
SELECT run_id, account_id, channel, channel_account, day, state, attempt, lease_until, requested_by, fee_permyriad,
       statement_id, funds_statement_id, summary, fee_posted_minor, settled_posted_minor, reason, requested_at,
       started_at, ended_at
FROM reconcile_runs WHERE merchant_id = $1 AND account_id = $2 AND day = $3 AND state <> 'DONE' FOR UPDATE;

-- name: begin_run
-- The run is ours until $5; the attempt's number fences whoever held it before.
UPDATE reconcile_runs SET state = 'RUNNING', attempt = attempt + 1, lease_until = $5, started_at = $4, ended_at = NULL,
       reason = NULL, requested_by = $6, fee_permyriad = $7
WHERE merchant_id = $1 AND run_id = $2 AND attempt = $3
RETURNING attempt;

-- name: renew_run
-- The run is ours for longer; no row when somebody else has taken it over.
UPDATE reconcile_runs SET lease_until = $4
WHERE merchant_id = $1 AND run_id = $2 AND attempt = $3 AND state = 'RUNNING';

-- name: end_run
-- The run has not ended well: it waits for its statement, or it failed and says why.
UPDATE reconcile_runs SET state = $4, lease_until = NULL, reason = $5, ended_at = $6
WHERE merchant_id = $1 AND run_id = $2 AND attempt = $3 AND state = 'RUNNING';

-- name: finish_run
-- The run is done, with what it compared, found and posted.
UPDATE reconcile_runs SET state = 'DONE', lease_until = NULL, reason = NULL, statement_id = $4, funds_statement_id = $5,
       summary = $6, fee_posted_minor = $7, settled_posted_minor = $8, ended_at = $9
WHERE merchant_id = $1 AND run_id = $2 AND attempt = $3 AND state = 'RUNNING';

-- name: get_run
-- One run.
SELECT run_id, account_id, channel, channel_account, day, state, attempt, lease_until, requested_by, fee_permyriad,
       statement_id, funds_statement_id, summary, fee_posted_minor, settled_posted_minor, reason, requested_at,
       started_at, ended_at
FROM reconcile_runs WHERE merchant_id = $1 AND run_id = $2;

-- name: list_runs
-- A page of runs, newest first.
SELECT run_id, account_id, channel, channel_account, day, state, attempt, lease_until, requested_by, fee_permyriad,
       statement_id, funds_statement_id, summary, fee_posted_minor, settled_posted_minor, reason, requested_at,
       started_at, ended_at
FROM reconcile_runs WHERE merchant_id = $1 AND run_id < $2 ORDER BY run_id DESC LIMIT $3;

-- name: last_done_of_day
-- The statements that a day's newest good run compared, and the agreed fee that it looked for.
SELECT statement_id, funds_statement_id, fee_permyriad FROM reconcile_runs
WHERE merchant_id = $1 AND account_id = $2 AND day = $3 AND state = 'DONE' ORDER BY run_id DESC LIMIT 1;

-- name: days_done
-- The days of an account from $3 on that are reconciled.
SELECT DISTINCT day FROM reconcile_runs
WHERE merchant_id = $1 AND account_id = $2 AND day >= $3 AND state = 'DONE' ORDER BY day LIMIT 100;

-- name: last_fee
-- The agreed fee that the last reconciled day of an account was compared with.
SELECT fee_permyriad FROM reconcile_runs
WHERE merchant_id = $1 AND account_id = $2 AND state = 'DONE' ORDER BY day DESC, run_id DESC LIMIT 1;

-- name: posted_of_day
-- What the runs of an account's day have posted so far.
SELECT coalesce(sum(fee_posted_minor), 0)::bigint AS fee_minor,
       coalesce(sum(settled_posted_minor), 0)::bigint AS settled_minor,
       count(*) FILTER (WHERE fee_posted_minor <> 0)::int AS fee_postings,
       count(*) FILTER (WHERE settled_posted_minor <> 0)::int AS settled_postings
FROM reconcile_runs WHERE merchant_id = $1 AND account_id = $2 AND day = $3;

-- name: first_captured
-- When an account's first payment was captured; null when none was.
SELECT min(captured_at) FROM payments_view_captured WHERE merchant_id = $1 AND account_id = $2;

-- name: compare_payments
-- Lines and captured payments that do not agree: of all lines, and of the payments captured in the day (from $6 until
-- $7). Payments of a day more on each side (from $4 until $5) are at hand, since a line may be about one of those.
SELECT l.line_no, l.subject_id AS line_subject, l.number, l.channel_no, l.amount_minor, l.fee_minor, l.currency, l.state,
       l.is_settled, l.happened_at, p.payment_id AS our_subject, p.amount_minor AS our_minor,
       p.currency AS our_currency, p.channel_transaction_no AS our_channel_no, p.captured_at AS our_moment
FROM (
    SELECT s.line_no, s.subject_id, CASE WHEN s.number = '' THEN s.channel_transaction_no ELSE s.number END AS number,
           s.channel_transaction_no AS channel_no, s.amount_minor, s.fee_minor, s.currency, s.state, s.is_settled,
           s.happened_at
    FROM statement_lines s WHERE s.merchant_id = $1 AND s.statement_id = $2 AND s.kind = 'payment'
) l
FULL JOIN (
    SELECT v.payment_id, v.amount_minor, v.currency, v.channel_transaction_no, v.captured_at
    FROM payments_view_captured v
    WHERE v.merchant_id = $1 AND v.account_id = $3 AND v.captured_at >= $4 AND v.captured_at < $5
) p ON p.payment_id = l.subject_id
WHERE CASE
    WHEN l.line_no IS NULL THEN p.captured_at >= $6 AND p.captured_at < $7
    ELSE p.payment_id IS NULL OR NOT l.is_settled OR p.amount_minor <> l.amount_minor OR p.currency <> l.currency
         OR p.captured_at < $6 OR p.captured_at >= $7
         OR l.channel_no <> '' AND p.channel_transaction_no <> l.channel_no
         OR l.fee_minor < 0 OR l.fee_minor > l.amount_minor
         OR l.fee_minor <> (l.amount_minor * $8::bigint + 5000) / 10000
END
LIMIT $9;

-- name: compare_refunds
-- As compare_payments, for lines of refunds and refunds that succeeded. A line of a refund is negative.
SELECT l.line_no, l.subject_id AS line_subject, l.number, l.channel_no, l.amount_minor, l.fee_minor, l.currency, l.state,
       l.is_settled, l.happened_at, r.refund_id AS our_subject, r.amount_minor AS our_minor, r.currency AS our_currency,
       r.channel_refund_no AS our_channel_no, r.succeeded_at AS our_moment
FROM (
    SELECT s.line_no, s.subject_id,
           CASE WHEN s.refund_number = '' THEN s.channel_refund_no ELSE s.refund_number END AS number,
           s.channel_refund_no AS channel_no, s.amount_minor, s.fee_minor, s.currency, s.state, s.is_settled,
           s.happened_at
    FROM statement_lines s WHERE s.merchant_id = $1 AND s.statement_id = $2 AND s.kind = 'refund'
) l
FULL JOIN (
    SELECT v.refund_id, v.amount_minor, v.currency, v.channel_refund_no, v.succeeded_at
    FROM refunds_view_refunds v
    WHERE v.merchant_id = $1 AND v.account_id = $3 AND v.state = 'SUCCEEDED' AND v.succeeded_at >= $4
      AND v.succeeded_at < $5
) r ON r.refund_id = l.subject_id
WHERE CASE
    WHEN l.line_no IS NULL THEN r.succeeded_at >= $6 AND r.succeeded_at < $7
    ELSE r.refund_id IS NULL OR NOT l.is_settled OR r.amount_minor <> -l.amount_minor OR r.currency <> l.currency
         OR r.succeeded_at < $6 OR r.succeeded_at >= $7
         OR l.channel_no <> '' AND r.channel_refund_no <> l.channel_no
         OR l.fee_minor > 0 OR l.fee_minor < l.amount_minor
         OR l.fee_minor <> 0 AND abs((-l.amount_minor * $8::bigint + 5000) / 10000 + l.fee_minor) > 1
END
LIMIT $9;

-- name: repeated_subjects
-- Numbers of ours that a statement has settled more than once.
SELECT min(s.kind) AS kind, s.subject_id FROM statement_lines s
WHERE s.merchant_id = $1 AND s.statement_id = $2 AND s.kind IN ('payment', 'refund') AND s.is_settled
  AND s.subject_id IS NOT NULL
GROUP BY s.subject_id HAVING count(*) > 1 LIMIT $3;

-- name: repeated_from_before
-- Numbers of ours that a statement has settled although that of the day before ($3) had them.
SELECT min(s.kind) AS kind, s.subject_id FROM statement_lines s
JOIN statement_lines b ON b.merchant_id = $1 AND b.statement_id = $3 AND b.subject_id = s.subject_id
WHERE s.merchant_id = $1 AND s.statement_id = $2 AND s.kind IN ('payment', 'refund') AND s.is_settled AND b.is_settled
GROUP BY s.subject_id LIMIT $4;

-- name: settled_lines
-- The settled lines of some subjects in some statements, in the order of the statement.
SELECT s.statement_id, s.line_no, s.kind, s.subject_id AS line_subject,
       CASE WHEN s.kind = 'payment' THEN s.number ELSE s.refund_number END AS number,
       CASE WHEN s.kind = 'payment' THEN s.channel_transaction_no ELSE s.channel_refund_no END AS channel_no,
       s.amount_minor, s.fee_minor, s.currency, s.state, s.is_settled, s.happened_at
FROM statement_lines s
WHERE s.merchant_id = $1 AND s.statement_id = ANY($2::uuid[]) AND s.kind = $3 AND s.is_settled
  AND s.subject_id = ANY($4::uuid[])
ORDER BY s.statement_id, s.line_no LIMIT $5;

-- name: payments_by_id
-- Payments in whatever state.
SELECT v.payment_id AS subject_id, v.account_id, v.state, v.amount_minor, v.currency,
       v.channel_transaction_no AS channel_no, v.captured_at AS moment
FROM payments_view_states v WHERE v.merchant_id = $1 AND v.payment_id = ANY($2::uuid[]) LIMIT $3;

-- name: refunds_by_id
-- Refunds in whatever state.
SELECT v.refund_id AS subject_id, v.account_id, v.state, v.amount_minor, v.currency, v.channel_refund_no AS channel_no,
       v.succeeded_at AS moment
FROM refunds_view_refunds v WHERE v.merchant_id = $1 AND v.refund_id = ANY($2::uuid[]) LIMIT $3;

-- name: absent_refunds
-- Refunds that were asked for from $3 until $4, are still going on, and are in none of the statements $5.
SELECT v.refund_id AS subject_id, v.account_id, v.state, v.amount_minor, v.currency, v.channel_refund_no AS channel_no,
       v.succeeded_at AS moment
FROM refunds_view_refunds v
WHERE v.merchant_id = $1 AND v.account_id = $2 AND v.state IN ('UNKNOWN', 'PROCESSING') AND v.created_at >= $3
  AND v.created_at < $4
  AND NOT EXISTS (
    SELECT FROM statement_lines s
    WHERE s.merchant_id = $1 AND s.statement_id = ANY($5::uuid[]) AND s.kind = 'refund' AND s.subject_id = v.refund_id
  )
LIMIT $6;

-- name: ledger_of_day
-- How the books moved one account in a day, by recipe: debits less credits. The ledger has an index by the day in China;
-- $5 and $6 are the first and the last of those that the day touches.
SELECT e.recipe, sum(CASE WHEN e.side = 'debit' THEN e.amount_minor ELSE -e.amount_minor END)::bigint AS moved_minor
FROM ledger_view_entries e
WHERE e.merchant_id = $1 AND e.account_id = $2 AND e.happened_at >= $3 AND e.happened_at < $4
  AND (e.happened_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN $5 AND $6
GROUP BY e.recipe;

-- name: keep_breaks
-- What a run found. A break that is known stays what people have made of it; one that was over or repaired is open again
-- when the facts have changed since. Of the others crossing_midnight needs nobody.
INSERT INTO reconcile_breaks AS kept (merchant_id, break_id, account_id, channel, day, kind, subject_kind, subject,
                                      opened_run_id, last_run_id, ours, theirs, difference_minor, currency, state, note,
                                      found_at, updated_at)
SELECT $1::uuid, f.break_id, $2::uuid, $3::text, $4::date, f.kind, f.subject_kind, f.subject, $5::uuid, $5::uuid, f.ours,
       f.theirs, f.difference_minor, f.currency, f.state, f.note, $6::timestamptz, $6::timestamptz
FROM unnest($7::uuid[], $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::jsonb[], $13::bigint[], $14::text[],
            $15::text[], $16::text[])
     AS f (break_id, kind, subject_kind, subject, ours, theirs, difference_minor, currency, state, note)
ON CONFLICT (merchant_id, account_id, day, kind, subject_kind, subject) DO UPDATE SET
    last_run_id = excluded.last_run_id,
    ours = excluded.ours,
    theirs = excluded.theirs,
    difference_minor = excluded.difference_minor,
    state = CASE
        WHEN excluded.state = 'RESOLVED' OR kept.state = 'RESOLVED' THEN excluded.state
        WHEN kept.state = 'APPROVED' OR (kept.ours, kept.theirs) IS NOT DISTINCT FROM (excluded.ours, excluded.theirs)
            THEN kept.state
        ELSE 'OPEN'
    END,
    note = CASE
        WHEN excluded.state = 'RESOLVED' OR kept.state = 'RESOLVED' THEN excluded.note
        WHEN kept.state = 'APPROVED' OR (kept.ours, kept.theirs) IS NOT DISTINCT FROM (excluded.ours, excluded.theirs)
            THEN kept.note
    END,
    opened_run_id = CASE
        WHEN kept.state IN ('OPEN', 'APPROVED') OR kept.state <> 'RESOLVED'
             AND (kept.ours, kept.theirs) IS NOT DISTINCT FROM (excluded.ours, excluded.theirs) THEN kept.opened_run_id
        ELSE excluded.opened_run_id
    END,
    proposal = CASE
        WHEN kept.state = 'APPROVED' OR kept.state <> 'RESOLVED'
             AND (kept.ours, kept.theirs) IS NOT DISTINCT FROM (excluded.ours, excluded.theirs) THEN kept.proposal
    END,
    proposed_by = CASE
        WHEN kept.state = 'APPROVED' OR kept.state <> 'RESOLVED'
             AND (kept.ours, kept.theirs) IS NOT DISTINCT FROM (excluded.ours, excluded.theirs) THEN kept.proposed_by
    END,
    decided_by = CASE
        WHEN kept.state = 'APPROVED' OR kept.state <> 'RESOLVED'
             AND (kept.ours, kept.theirs) IS NOT DISTINCT FROM (excluded.ours, excluded.theirs) THEN kept.decided_by
    END,
    repaired_at = CASE
        WHEN kept.state = 'APPROVED' OR kept.state <> 'RESOLVED'
             AND (kept.ours, kept.theirs) IS NOT DISTINCT FROM (excluded.ours, excluded.theirs) THEN kept.repaired_at
    END,
    updated_at = excluded.updated_at;

-- name: resolve_gone
-- What was open in a day and this run did not find again is over by itself.
UPDATE reconcile_breaks SET state = 'RESOLVED', note = $5, updated_at = $6
WHERE merchant_id = $1 AND account_id = $2 AND day = $3 AND last_run_id <> $4 AND state IN ('OPEN', 'PROPOSED');

-- name: count_open
-- How many breaks of a day somebody still has to deal with, and how many of those the run $4 opened, also anew.
SELECT count(*)::int AS open, count(*) FILTER (WHERE opened_run_id = $4)::int AS fresh
FROM reconcile_breaks
WHERE merchant_id = $1 AND account_id = $2 AND day = $3 AND state IN ('OPEN', 'PROPOSED', 'APPROVED');

-- name: get_break
-- One break.
SELECT break_id, account_id, channel, day, kind, subject_kind, subject, opened_run_id, last_run_id, ours, theirs,
       difference_minor, currency, state, proposal, proposed_by, decided_by, note, found_at, repaired_at, updated_at
FROM reconcile_breaks WHERE merchant_id = $1 AND break_id = $2;

-- name: lock_break
-- One break, locked.
SELECT break_id, account_id, channel, day, kind, subject_kind, subject, opened_run_id, last_run_id, ours, theirs,
       difference_minor, currency, state, proposal, proposed_by, decided_by, note, found_at, repaired_at, updated_at
FROM reconcile_breaks WHERE merchant_id = $1 AND break_id = $2 FOR UPDATE;

-- name: list_breaks
-- A page of breaks, newest first; a null state means all, a null run of any.
SELECT break_id, account_id, channel, day, kind, subject_kind, subject, opened_run_id, last_run_id, ours, theirs,
       difference_minor, currency, state, proposal, proposed_by, decided_by, note, found_at, repaired_at, updated_at
FROM reconcile_breaks
WHERE merchant_id = $1 AND break_id < $2 AND ($3::text IS NULL OR state = $3::text)
  AND ($4::uuid IS NULL OR last_run_id = $4::uuid)
ORDER BY break_id DESC LIMIT $5;

-- name: move_break
-- Compare and set a break's state, with who did it and why.
UPDATE reconcile_breaks SET state = $4, proposal = $5, proposed_by = $6, decided_by = $7, note = $8, repaired_at = $9,
       updated_at = $10
WHERE merchant_id = $1 AND break_id = $2 AND state = $3;
