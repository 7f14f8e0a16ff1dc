-- name: add_alarm
-- Keep an alarm; the same event a second time changes nothing.
INSERT INTO alarms (merchant_id, alarm_id, alarm, subject, told, raised_at, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id, alarm_id) DO NOTHING;

-- name: list_open_alarms
-- Alarms below an id that nobody has seen to, newest first.
SELECT merchant_id, alarm_id, alarm, subject, told, raised_at, acknowledged_by, acknowledged_at
FROM alarms WHERE merchant_id = $1 AND alarm_id < $2 AND acknowledged_at IS NULL ORDER BY alarm_id DESC LIMIT $3;

-- name: list_alarms
-- Alarms below an id, newest first; with $3 only those that somebody has seen to.
SELECT merchant_id, alarm_id, alarm, subject, told, raised_at, acknowledged_by, acknowledged_at
FROM alarms
WHERE merchant_id = $1 AND alarm_id < $2 AND (NOT $3::boolean OR acknowledged_at IS NOT NULL)
ORDER BY alarm_id DESC LIMIT $4;

-- name: count_open_alarms
-- How many alarms nobody has seen to, counted up to a thousand.
SELECT count(*) AS alarms
FROM (SELECT alarm_id FROM alarms WHERE merchant_id = $1 AND acknowledged_at IS NULL ORDER BY alarm_id LIMIT 1000) AS o;

-- name: acknowledge_alarm
-- Somebody ($3) has seen to an alarm at $4; the first to say so stays.
UPDATE alarms SET acknowledged_by = $3, acknowledged_at = $4
WHERE merchant_id = $1 AND alarm_id = $2 AND acknowledged_at IS NULL
RETURNING alarm;

-- name: get_alarm
-- One alarm.
SELECT merchant_id, alarm_id, alarm, subject, told, raised_at, acknowledged_by, acknowledged_at
FROM alarms WHERE merchant_id = $1 AND alarm_id = $2;
