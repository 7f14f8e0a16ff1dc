-- What a browser scene tells the channel besides: kept, so that a payment sent again is the same request in every byte
-- that counts. The shopper's address is personal and sealed like the payer; the return address is ours.
ALTER TABLE payments ADD COLUMN client_ip jsonb;
ALTER TABLE payments ADD COLUMN return_url text;
