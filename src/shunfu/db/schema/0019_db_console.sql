-- What staff look at: the jobs that gave up, and those that failed and will be tried again.

CREATE VIEW db_view_troubled_jobs AS
SELECT merchant_id, id AS job_id, kind, key, state, attempts, last_error, run_at, finished_at
FROM jobs WHERE state = 'dead' OR (state = 'waiting' AND last_error IS NOT NULL);

CREATE INDEX jobs_troubled ON jobs (merchant_id, id)
    WHERE state = 'dead' OR (state = 'waiting' AND last_error IS NOT NULL);

GRANT SELECT ON db_view_troubled_jobs TO shunfu_app;
