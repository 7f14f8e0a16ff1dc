-- Which key of the channel signed a genuine message: while a channel moves from one key to another, staff see how far it is.

ALTER TABLE notifications ADD COLUMN signed_by text;

CREATE VIEW notifications_view_signers AS
SELECT merchant_id, notification_id, account_id, signed_by, recorded_at
FROM notifications WHERE verdict IN ('accepted', 'duplicate') AND signed_by <> '';

GRANT SELECT ON notifications_view_signers TO shunfu_app;
