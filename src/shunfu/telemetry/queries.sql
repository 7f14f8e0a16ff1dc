-- name: take_batch
-- Fold one batch into its visit's row, once, and count what was left out of it by reason ($30, $31). A visit stays on the
-- day that it began, and its method is the one that it named last.
WITH told AS (
    INSERT INTO telemetry_visits AS v (merchant_id, visit, day, seqs, version, host, host_version, system,
                                       system_version, device, network, weight, method, method_ms, step, has_result,
                                       has_changed, has_unknown, has_failed, taps, fields, first_screen_ms, ready_ms,
                                       tap_ms, cancel_ms, paid_ms, lcp_ms, inp_ms, cls_milli)
    VALUES ($1, $2, $3, ARRAY[$4::integer], $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
            $21, $22, $23, $24, $25, $26, $27, $28, $29)
    ON CONFLICT (merchant_id, visit) DO UPDATE SET
        seqs = v.seqs || excluded.seqs, day = LEAST(v.day, excluded.day),
        method = CASE WHEN excluded.method_ms > v.method_ms THEN excluded.method ELSE v.method END,
        method_ms = GREATEST(v.method_ms, excluded.method_ms), step = GREATEST(v.step, excluded.step),
        has_result = v.has_result OR excluded.has_result, has_changed = v.has_changed OR excluded.has_changed,
        has_unknown = v.has_unknown OR excluded.has_unknown, has_failed = v.has_failed OR excluded.has_failed,
        taps = GREATEST(v.taps, excluded.taps), fields = GREATEST(v.fields, excluded.fields),
        first_screen_ms = LEAST(v.first_screen_ms, excluded.first_screen_ms),
        ready_ms = LEAST(v.ready_ms, excluded.ready_ms), tap_ms = GREATEST(v.tap_ms, excluded.tap_ms),
        cancel_ms = LEAST(v.cancel_ms, excluded.cancel_ms), paid_ms = LEAST(v.paid_ms, excluded.paid_ms),
        lcp_ms = GREATEST(v.lcp_ms, excluded.lcp_ms), inp_ms = GREATEST(v.inp_ms, excluded.inp_ms),
        cls_milli = GREATEST(v.cls_milli, excluded.cls_milli)
    WHERE NOT v.seqs @> excluded.seqs
    RETURNING 1
), counted AS (
    INSERT INTO telemetry_counts (merchant_id, day, reason, times)
    SELECT $1, $3, r.reason, r.times FROM unnest($30::text[], $31::bigint[]) AS r (reason, times)
    WHERE EXISTS (SELECT 1 FROM told)
    ON CONFLICT (merchant_id, day, reason) DO UPDATE SET times = telemetry_counts.times + excluded.times
)
SELECT count(*) AS taken FROM told;

-- name: count_reason
-- One more of a reason for which nothing is stored.
INSERT INTO telemetry_counts (merchant_id, day, reason, times) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, day, reason) DO UPDATE SET times = telemetry_counts.times + excluded.times;

-- name: read_funnel
-- How far the visits of a slice came; null filters nothing.
SELECT coalesce(sum(visits), 0)::bigint AS visits, coalesce(sum(first_screen), 0)::bigint AS first_screen,
       coalesce(sum(ready), 0)::bigint AS ready, coalesce(sum(pay_tap), 0)::bigint AS pay_tap,
       coalesce(sum(sheet), 0)::bigint AS sheet, coalesce(sum(paid), 0)::bigint AS paid,
       coalesce(sum(result_view), 0)::bigint AS result_view, coalesce(sum(changed), 0)::bigint AS changed,
       coalesce(sum(cancelled), 0)::bigint AS cancelled, coalesce(sum(recovered), 0)::bigint AS recovered,
       coalesce(sum(unknown), 0)::bigint AS unknown, coalesce(sum(failed), 0)::bigint AS failed
FROM telemetry_view_funnel
WHERE merchant_id = $1 AND day BETWEEN $2 AND $3 AND ($4::text IS NULL OR method = $4)
  AND ($5::text IS NULL OR system = $5) AND ($6::text IS NULL OR host = $6)
  AND ($7::text IS NULL OR host_version = $7) AND ($8::text IS NULL OR version = $8);

-- name: read_timings
-- Percentiles of each measure of a slice, by nearest rank: the least value up to which so much of the weight lies.
WITH told AS (
    SELECT measure, value, sum(weight) AS weight FROM telemetry_view_timings
    WHERE merchant_id = $1 AND day BETWEEN $2 AND $3 AND ($4::text IS NULL OR method = $4)
      AND ($5::text IS NULL OR system = $5) AND ($6::text IS NULL OR host = $6)
      AND ($7::text IS NULL OR host_version = $7) AND ($8::text IS NULL OR version = $8)
    GROUP BY measure, value
), ranked AS (
    SELECT measure, value, sum(weight) OVER (PARTITION BY measure ORDER BY value) AS upto,
           sum(weight) OVER (PARTITION BY measure) AS total
    FROM told
)
SELECT measure, max(total)::bigint AS visits, min(value) FILTER (WHERE upto * 100 >= total * 50) AS p50,
       min(value) FILTER (WHERE upto * 100 >= total * 75) AS p75,
       min(value) FILTER (WHERE upto * 100 >= total * 95) AS p95
FROM ranked GROUP BY measure ORDER BY measure LIMIT 20;

-- name: read_days
-- A slice day by day: visits, paid ones, and the first screen's 75th percentile.
WITH told AS (
    SELECT day, first_screen_ms AS value, sum(weight) AS weight FROM telemetry_view_visits
    WHERE merchant_id = $1 AND day BETWEEN $2 AND $3 AND ($4::text IS NULL OR method = $4)
      AND ($5::text IS NULL OR system = $5) AND ($6::text IS NULL OR host = $6)
      AND ($7::text IS NULL OR host_version = $7) AND ($8::text IS NULL OR version = $8)
      AND first_screen_ms IS NOT NULL
    GROUP BY day, first_screen_ms
), ranked AS (
    SELECT day, value, sum(weight) OVER (PARTITION BY day ORDER BY value) AS upto,
           sum(weight) OVER (PARTITION BY day) AS total
    FROM told
), screens AS (
    SELECT day, min(value) FILTER (WHERE upto * 100 >= total * 75) AS p75 FROM ranked GROUP BY day
), counted AS (
    SELECT day, sum(visits)::bigint AS visits, sum(paid)::bigint AS paid FROM telemetry_view_funnel
    WHERE merchant_id = $1 AND day BETWEEN $2 AND $3 AND ($4::text IS NULL OR method = $4)
      AND ($5::text IS NULL OR system = $5) AND ($6::text IS NULL OR host = $6)
      AND ($7::text IS NULL OR host_version = $7) AND ($8::text IS NULL OR version = $8)
    GROUP BY day
)
SELECT c.day, c.visits, c.paid, s.p75 AS first_screen_ms
FROM counted c LEFT JOIN screens s ON s.day = c.day ORDER BY c.day LIMIT 400;

-- name: list_choices
-- By what the visits of some days can be told apart: the values most often met, of each kind at most $4.
SELECT kind, value, visits FROM (
    SELECT told.kind, told.value, sum(f.visits)::bigint AS visits,
           row_number() OVER (PARTITION BY told.kind ORDER BY sum(f.visits) DESC, told.value) AS place
    FROM telemetry_view_funnel f
    CROSS JOIN LATERAL (VALUES ('method', f.method), ('system', f.system), ('host', f.host),
                               ('host_version', f.host_version), ('version', f.version)) AS told (kind, value)
    WHERE f.merchant_id = $1 AND f.day BETWEEN $2 AND $3 AND told.value <> ''
    GROUP BY told.kind, told.value) AS ranked
WHERE place <= $4 ORDER BY kind, visits DESC, value LIMIT 200;

-- name: list_lines
-- One day of a slice, line by line as the funnel's view has it.
SELECT day, method, system, host, host_version, version, visits, first_screen, ready, pay_tap, sheet, paid, result_view,
       changed, cancelled, recovered, unknown, failed
FROM telemetry_view_funnel
WHERE merchant_id = $1 AND day BETWEEN $2 AND $3 AND ($4::text IS NULL OR method = $4)
  AND ($5::text IS NULL OR system = $5) AND ($6::text IS NULL OR host = $6)
  AND ($7::text IS NULL OR host_version = $7) AND ($8::text IS NULL OR version = $8)
ORDER BY day, method, system, host, host_version, version LIMIT $9;

-- name: read_counts
-- How often nothing was stored in some days, by reason.
SELECT reason, sum(times)::bigint AS times FROM telemetry_counts
WHERE merchant_id = $1 AND day BETWEEN $2 AND $3 GROUP BY reason ORDER BY reason LIMIT 50;

-- name: delete_old_visits
-- At most $3 visits of days before $2 end.
DELETE FROM telemetry_visits v
WHERE v.merchant_id = $1 AND v.visit IN (
    SELECT o.visit FROM telemetry_visits o WHERE o.merchant_id = $1 AND o.day < $2 ORDER BY o.day LIMIT $3);

-- name: delete_old_counts
-- Counts of days before $2 end.
DELETE FROM telemetry_counts WHERE merchant_id = $1 AND day < $2;
