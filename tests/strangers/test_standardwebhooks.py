"""A stranger's receiver reads our webhooks: the specification's own Python library verifies what we sign.

It uses the machine's clock, so that the messages are signed now.
"""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shunfu.kernel.secret import Secret
from shunfu.webhooks.signing import headers, write_body, write_secret

OLD, NEW = Secret(b"o" * 32), Secret(b"n" * 32)
TOLD = {
    "id": "evt_01KDVDNA00E08APBSQDZ7MHBX3",
    "type": "order.paid",
    "timestamp": "2026-11-28T06:00:00.000Z",
    "sequence": 2,
    "subject": "ord_01KDVDNA00E098GRVVPDBDV2EX",
    "data": {"subject": "云南日晒咖啡豆"},
}
BODY = write_body(TOLD).encode()


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_it_verifies_with_either_secret_during_a_rotation(secret: Secret[bytes]) -> None:
    told = headers([NEW, OLD], str(TOLD["id"]), datetime.now(UTC), BODY)
    assert Webhook(write_secret(secret).reveal()).verify(BODY, dict(told)) == TOLD


@pytest.mark.parametrize("wrong", ["body", "secret", "time"])
def test_it_refuses_what_was_changed(wrong: str) -> None:
    now = datetime.now(UTC) - timedelta(minutes=6 if wrong == "time" else 0)
    told = headers([NEW], str(TOLD["id"]), now, BODY)
    secret, body = (OLD if wrong == "secret" else NEW), BODY + (b" " if wrong == "body" else b"")
    with pytest.raises(WebhookVerificationError):
        Webhook(write_secret(secret).reveal()).verify(body, dict(told))
