"""The faults that a sandbox can commit: what is still to come, and the words for what can be wrong with one message.

Must not know: which channels exist, how a channel signs.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTIFICATION_TWISTS = ("signtest", "bad_signature", "stale_timestamp", "wrong_serial", "wrong_amount", "wrong_merchant")
"""What can be wrong with a notification; the channel's sandbox forges it. Such a one never counts as accepted."""
REPLY_TWISTS = ("too_many", "system_error", "reply_signtest", "reply_bad_signature")
"""What can be wrong with a reply in the channel's own words. The first two happen before anything else does."""
HOST_TWISTS = ("gateway_error", "gateway_error_after", "reply_lost")
"""What can happen to a reply on the way, to any channel's: HTML with 502 before or after the deed, or silence."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults still to come. Counts of notifications, of replies, of refunds, of statement rows; -1 means all to come.

    `delay_seconds` holds first notifications back; `reorder` lets the one after it go first. `reply_slow_seconds` holds
    every reply back. `only` restricts reply faults to calls whose address or body contains this text. With `chance`,
    between 0 and 1, any notification or reply gets a fault drawn from the run's randomness.
    """

    lose: int = 0
    duplicate: int = 0
    reorder: int = 0
    delay_seconds: float = 0.0
    signtest: int = 0
    bad_signature: int = 0
    stale_timestamp: int = 0
    wrong_serial: int = 0
    wrong_amount: int = 0
    wrong_merchant: int = 0
    reply_lost: int = 0
    gateway_error: int = 0
    gateway_error_after: int = 0
    system_error: int = 0
    too_many: int = 0
    reply_signtest: int = 0
    reply_bad_signature: int = 0
    reply_slow_seconds: float = 0.0
    refund_abnormal: int = 0
    refund_closed: int = 0
    rows_missing: int = 0
    rows_extra: int = 0
    rows_altered: int = 0
    chance: float = 0.0
    only: str = ""
