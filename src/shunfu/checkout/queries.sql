-- name: methods_lately
-- The methods that brought money among the merchant's last 500 payments, the most frequent first.
SELECT channel, scene FROM (
    SELECT channel, scene, state FROM payments_view_payments WHERE merchant_id = $1 ORDER BY payment_id DESC LIMIT 500
) AS lately
WHERE state = 'CAPTURED' GROUP BY channel, scene ORDER BY count(*) DESC, channel, scene LIMIT 10;
