-- Which shopper gave each kind of an order's contact, as {kind: shopper id}; what a guest or the merchant's own server gave
-- has none. Only whoever gave a kind sees it at the checkout, and may change it there.
ALTER TABLE order_contacts ADD COLUMN givers jsonb NOT NULL DEFAULT '{}';
