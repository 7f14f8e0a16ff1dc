"""WeChat Pay beyond single payments, the client's side: one module for each group of conversations.

For the channel's `read_notification`, all pure and none raising on hostile input:
`reading.read_combined(content)` gives `Genuine.parts` of a combined order's TRANSACTION.SUCCESS;
`reading.read_about(event_type, content)` gives `Genuine.about` of transfers, complaints and shares;
`sensitive.encrypt_sensitive` and `sensitive.decrypt_sensitive` are for fields that travel encrypted.
"""

from __future__ import annotations
