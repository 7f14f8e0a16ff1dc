-- name: insert_inbox
-- Remember a message from outside; a second time nothing is written.
INSERT INTO inbox (merchant_id, source, external_id, digest, recorded_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant_id, source, external_id) DO NOTHING;

-- name: get_inbox_digest
-- What the remembered message looked like.
SELECT digest FROM inbox WHERE merchant_id = $1 AND source = $2 AND external_id = $3;

-- name: publish_event
-- Write an event and one job for each handler that wants it ($7 job ids, $8 their kinds), in one round trip.
WITH event AS (
    INSERT INTO events (merchant_id, id, name, body, happened_at, recorded_at)
    VALUES ($1, $2, $3, $4, $5, $6)
)
INSERT INTO jobs (merchant_id, id, kind, key, args, run_at, max_attempts, created_at)
SELECT $1, wanted.id, wanted.kind, $9, $10, $6, $11, $6
FROM unnest($7::uuid[], $8::text[]) AS wanted (id, kind);

-- name: get_event
-- The name and body of one event.
SELECT name, body FROM events WHERE merchant_id = $1 AND id = $2;

-- name: enqueue_job
-- Add a job, or bring the one of the same kind and key forward; while it runs, note that it must run again.
INSERT INTO jobs AS kept (merchant_id, id, kind, key, args, run_at, max_attempts, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (merchant_id, kind, key) DO UPDATE SET
    args = excluded.args,
    run_at = CASE
        WHEN kept.state <> 'waiting' THEN excluded.run_at
        WHEN kept.lease_token IS NULL THEN LEAST(kept.run_at, excluded.run_at)
        ELSE kept.run_at
    END,
    again_at = CASE WHEN kept.lease_token IS NULL THEN NULL ELSE LEAST(kept.again_at, excluded.run_at) END,
    attempts = CASE WHEN kept.state = 'waiting' THEN kept.attempts ELSE 0 END,
    max_attempts = excluded.max_attempts,
    state = 'waiting',
    finished_at = NULL;

-- name: list_due_merchants
-- Merchants with a job that is due at $1 and of a kind in $2, the longest waiting first.
-- scope: platform
SELECT merchant_id
FROM jobs
WHERE state = 'waiting' AND run_at <= $1 AND kind = ANY($2::text[]) AND (lease_until IS NULL OR lease_until <= $1)
GROUP BY merchant_id
ORDER BY min(run_at)
LIMIT $3;

-- name: claim_jobs
-- Lease at most $4 due jobs of a merchant until $5 under the token $6; passes over what another worker holds.
WITH due AS (
    SELECT id
    FROM jobs
    WHERE merchant_id = $1
      AND state = 'waiting'
      AND run_at <= $2
      AND kind = ANY($3::text[])
      AND (lease_until IS NULL OR lease_until <= $2)
    ORDER BY run_at
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs
SET lease_until = $5, lease_token = $6, attempts = attempts + 1, again_at = NULL
FROM due
WHERE jobs.merchant_id = $1
  AND jobs.id = due.id
  AND state = 'waiting'
  AND (lease_until IS NULL OR lease_until <= $2)
RETURNING jobs.id, kind, key, args, run_at, attempts, max_attempts;

-- name: finish_job
-- The holder of the lease $3 is done at $4; a job that was asked for anew meanwhile waits again.
UPDATE jobs
SET state = CASE WHEN again_at IS NULL THEN 'done' ELSE 'waiting' END,
    finished_at = CASE WHEN again_at IS NULL THEN $4::timestamptz END,
    run_at = COALESCE(again_at, run_at),
    attempts = CASE WHEN again_at IS NULL THEN attempts ELSE 0 END,
    again_at = NULL,
    lease_until = NULL,
    lease_token = NULL,
    last_error = NULL
WHERE merchant_id = $1 AND id = $2 AND lease_token = $3
RETURNING state;

-- name: postpone_job
-- The holder of the lease $3 wants the job to run at $4; it is no failure, so attempts begin anew.
UPDATE jobs
SET run_at = LEAST($4, again_at),
    again_at = NULL,
    attempts = 0,
    lease_until = NULL,
    lease_token = NULL,
    last_error = NULL
WHERE merchant_id = $1 AND id = $2 AND lease_token = $3
RETURNING state;

-- name: fail_job
-- The attempt of the holder of the lease $3 failed with $5: again at $4, or dead at $6 after the last attempt.
UPDATE jobs
SET state = CASE WHEN attempts >= max_attempts AND again_at IS NULL THEN 'dead' ELSE 'waiting' END,
    finished_at = CASE WHEN attempts >= max_attempts AND again_at IS NULL THEN $6::timestamptz END,
    run_at = LEAST($4, again_at),
    attempts = CASE WHEN attempts >= max_attempts AND again_at IS NOT NULL THEN 0 ELSE attempts END,
    again_at = NULL,
    lease_until = NULL,
    lease_token = NULL,
    last_error = $5
WHERE merchant_id = $1 AND id = $2 AND lease_token = $3
RETURNING state;

-- name: revive_job
-- Let a job that gave up, or that failed and waits, run at $3 with fresh attempts; one that runs now is left alone.
UPDATE jobs
SET state = 'waiting', run_at = $3, attempts = 0, finished_at = NULL
WHERE merchant_id = $1 AND id = $2 AND lease_token IS NULL
  AND (state = 'dead' OR (state = 'waiting' AND last_error IS NOT NULL))
RETURNING kind;

-- name: list_merchants_with_done_jobs
-- Merchants with a job done before $1.
-- scope: platform
SELECT DISTINCT merchant_id FROM jobs WHERE state = 'done' AND finished_at < $1 LIMIT $2;

-- name: delete_done_jobs
-- Forget at most $3 jobs of a merchant that were done before $2.
DELETE FROM jobs
WHERE merchant_id = $1
  AND id IN (
    SELECT id FROM jobs WHERE merchant_id = $1 AND state = 'done' AND finished_at < $2 ORDER BY finished_at LIMIT $3
  );

-- name: begin_recovery
-- A restored merchant waits anew since $2, also if it waited before.
INSERT INTO recoveries (merchant_id, since) VALUES ($1, $2)
ON CONFLICT (merchant_id) DO UPDATE SET since = excluded.since, ended_at = NULL;

-- name: get_recovery
-- Since when a merchant waits; no row when it does not.
SELECT since FROM recoveries WHERE merchant_id = $1 AND ended_at IS NULL;

-- name: end_recovery
-- The wait of a merchant is over at $2.
UPDATE recoveries SET ended_at = GREATEST($2, since) WHERE merchant_id = $1 AND ended_at IS NULL;

-- name: list_recovering
-- Merchants that wait, the longest first.
-- scope: platform
SELECT merchant_id, since FROM recoveries WHERE ended_at IS NULL ORDER BY since, merchant_id LIMIT $1;

-- name: due_jobs_of_all
-- Jobs of all merchants that are due at $1, by kind, and since when the oldest; of a very long queue its oldest part.
-- scope: platform
SELECT kind, count(*) AS times, min(run_at) AS oldest_at
FROM (SELECT kind, run_at FROM jobs WHERE state = 'waiting' AND run_at <= $1 ORDER BY run_at LIMIT 100000) AS due
GROUP BY kind ORDER BY kind LIMIT $2;

-- name: dead_jobs_of_all
-- Jobs of all merchants that gave up, by kind, counted up to ten thousand.
-- scope: platform
SELECT kind, count(*) AS times
FROM (SELECT kind FROM jobs WHERE state = 'dead' LIMIT 10000) AS dead GROUP BY kind ORDER BY kind LIMIT $1;
