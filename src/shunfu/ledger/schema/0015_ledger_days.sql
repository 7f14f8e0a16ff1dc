-- The books by day. A day is one in China, by which every channel cuts its statements: UTC+8, no summer time; it begins
-- at 16:00 UTC. A transfer's channel is the one that holds or pays out its money: the account code of one of its sides.

CREATE VIEW ledger_view_days AS
SELECT line.merchant_id, line.day_cn, line.channel, line.channel_account, line.recipe, line.code, line.currency,
       sum(line.debit_minor)::bigint AS debit_minor, sum(line.credit_minor)::bigint AS credit_minor,
       count(*)::bigint AS entries
FROM (
    SELECT leg.merchant_id, leg.day_cn, split_part(leg.held, ':', 2) AS channel,
           substr(leg.held, length(split_part(leg.held, ':', 1)) + length(split_part(leg.held, ':', 2)) + 3)
               AS channel_account,
           leg.recipe, side.code, leg.currency, side.debit_minor, side.credit_minor
    FROM (
        SELECT t.merchant_id, (t.happened_at AT TIME ZONE 'Asia/Shanghai')::date AS day_cn, t.recipe, t.currency,
               t.amount_minor, d.code AS debit_code, c.code AS credit_code,
               CASE WHEN split_part(d.code, ':', 1) IN ('channel_receivable', 'bank') THEN d.code
                    WHEN split_part(c.code, ':', 1) IN ('channel_receivable', 'bank') THEN c.code
                    ELSE '' END AS held
        FROM transfers t
        JOIN accounts d ON d.merchant_id = t.merchant_id AND d.account_id = t.debit_account_id
        JOIN accounts c ON c.merchant_id = t.merchant_id AND c.account_id = t.credit_account_id
    ) leg
    CROSS JOIN LATERAL (VALUES (leg.debit_code, leg.amount_minor, 0), (leg.credit_code, 0, leg.amount_minor))
        AS side (code, debit_minor, credit_minor)
) line
GROUP BY line.merchant_id, line.day_cn, line.channel, line.channel_account, line.recipe, line.code, line.currency;

CREATE INDEX transfers_by_day ON transfers (merchant_id, ((happened_at AT TIME ZONE 'Asia/Shanghai')::date));

GRANT SELECT ON ledger_view_days TO shunfu_app;
