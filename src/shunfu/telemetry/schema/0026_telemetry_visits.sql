-- What clients tell of visits to the checkout: one row a visit, folded together from its batches as they come, and counts
-- of what was not stored. Nobody is named here: no shopper, order, token or address; a visit's name is random.
-- A day is one in China, as everywhere. Whatever order batches come in, and however often, the row is the same.

CREATE TABLE telemetry_visits (
    merchant_id uuid NOT NULL,
    visit text NOT NULL CHECK (length(visit) = 22),
    day date NOT NULL,
    seqs integer[] NOT NULL,
    version text NOT NULL,
    host text NOT NULL,
    host_version text NOT NULL,
    system text NOT NULL,
    system_version text NOT NULL,
    device text NOT NULL,
    network text NOT NULL,
    weight integer NOT NULL CHECK (weight BETWEEN 1 AND 1000),
    method text NOT NULL,
    method_ms integer NOT NULL,
    step integer NOT NULL CHECK (step BETWEEN 1 AND 6),
    has_result boolean NOT NULL,
    has_changed boolean NOT NULL,
    has_unknown boolean NOT NULL,
    has_failed boolean NOT NULL,
    taps integer CHECK (taps >= 0),
    fields integer CHECK (fields >= 0),
    first_screen_ms integer CHECK (first_screen_ms >= 0),
    ready_ms integer CHECK (ready_ms >= 0),
    tap_ms integer CHECK (tap_ms >= 0),
    cancel_ms integer CHECK (cancel_ms >= 0),
    paid_ms integer CHECK (paid_ms >= 0),
    lcp_ms integer CHECK (lcp_ms >= 0),
    inp_ms integer CHECK (inp_ms >= 0),
    cls_milli integer CHECK (cls_milli >= 0),
    PRIMARY KEY (merchant_id, visit)
);

CREATE INDEX telemetry_visits_by_day ON telemetry_visits (merchant_id, day);

CREATE TABLE telemetry_counts (
    merchant_id uuid NOT NULL,
    day date NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    times bigint NOT NULL CHECK (times > 0),
    PRIMARY KEY (merchant_id, day, reason)
);

-- Every visit. `reached` is the furthest step of the funnel that anything it told proves: 1 open, 2 first screen, 3 ready,
-- 4 pay tapped, 5 the channel's sheet, 6 paid, 7 the result of a paid one seen. A tap after the money is no tap to pay.
CREATE VIEW telemetry_view_visits AS
SELECT merchant_id, visit, day, method, version, host, host_version, system, system_version, device, network, weight,
       CASE WHEN has_result AND paid_ms IS NOT NULL THEN 7 ELSE step END AS reached, has_changed,
       cancel_ms IS NOT NULL AS has_cancelled, cancel_ms <= paid_ms IS TRUE AS has_recovered, has_unknown, has_failed,
       taps, fields, first_screen_ms, ready_ms, paid_ms,
       CASE WHEN tap_ms <= paid_ms THEN paid_ms - tap_ms END AS pay_ms, lcp_ms, inp_ms, cls_milli
FROM telemetry_visits;

-- How far visits came, by everything that they can be told apart by; each visit counts as often as its weight says.
CREATE VIEW telemetry_view_funnel AS
SELECT merchant_id, day, method, system, host, host_version, version,
       sum(weight)::bigint AS visits,
       coalesce(sum(weight) FILTER (WHERE reached >= 2), 0)::bigint AS first_screen,
       coalesce(sum(weight) FILTER (WHERE reached >= 3), 0)::bigint AS ready,
       coalesce(sum(weight) FILTER (WHERE reached >= 4), 0)::bigint AS pay_tap,
       coalesce(sum(weight) FILTER (WHERE reached >= 5), 0)::bigint AS sheet,
       coalesce(sum(weight) FILTER (WHERE reached >= 6), 0)::bigint AS paid,
       coalesce(sum(weight) FILTER (WHERE reached >= 7), 0)::bigint AS result_view,
       coalesce(sum(weight) FILTER (WHERE has_changed), 0)::bigint AS changed,
       coalesce(sum(weight) FILTER (WHERE has_cancelled), 0)::bigint AS cancelled,
       coalesce(sum(weight) FILTER (WHERE has_recovered), 0)::bigint AS recovered,
       coalesce(sum(weight) FILTER (WHERE has_unknown), 0)::bigint AS unknown,
       coalesce(sum(weight) FILTER (WHERE has_failed), 0)::bigint AS failed
FROM telemetry_view_visits
GROUP BY merchant_id, day, method, system, host, host_version, version;

-- Every measured value with its visit's weight: times in milliseconds, `cls` in thousandths, taps and typed fields (of
-- paid visits alone) as numbers.
CREATE VIEW telemetry_view_timings AS
SELECT v.merchant_id, v.day, v.method, v.system, v.host, v.host_version, v.version, v.weight, told.measure, told.value
FROM telemetry_view_visits v
CROSS JOIN LATERAL (VALUES
    ('first_screen', v.first_screen_ms), ('ready', v.ready_ms), ('pay', v.pay_ms), ('checkout', v.paid_ms),
    ('taps', CASE WHEN v.reached >= 6 THEN v.taps END), ('fields', CASE WHEN v.reached >= 6 THEN v.fields END),
    ('lcp', v.lcp_ms), ('inp', v.inp_ms), ('cls', v.cls_milli)) AS told (measure, value)
WHERE told.value IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON telemetry_visits TO shunfu_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON telemetry_counts TO shunfu_app;
GRANT SELECT ON telemetry_view_visits TO shunfu_app;
GRANT SELECT ON telemetry_view_funnel TO shunfu_app;
GRANT SELECT ON telemetry_view_timings TO shunfu_app;
