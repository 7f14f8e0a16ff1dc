"""What every channel must do, as named checks: a channel's tests run them all against its own sandbox, without sockets.

Each check raises AssertionError when the channel breaks the promise. `pytest` a channel with

    @pytest.mark.parametrize("check", contract_checks(CHANNEL, SANDBOX), ids=str)
    def test_contract(check): check.run(Rig(CHANNEL, SANDBOX, state()))

Must not know: any channel's name or words.
"""

from __future__ import annotations

from typing import Any

from shunfu.gateway.contract import beyond, hostile, notifications, payments, people, refunds, statements
from shunfu.gateway.contract.check import Check, in_scene, name_of
from shunfu.gateway.contract.rig import Rig
from shunfu.gateway.port import Channel
from shunfu.gateway.sandbox.verbs import Sandbox

_ONCE = (payments, notifications, refunds, statements, people, hostile)


def contract_checks(channel: Channel[Any], sandbox: Sandbox[Any]) -> tuple[Check, ...]:
    """Every check that this channel must pass; run each with a rig of its own."""
    by_scene = [in_scene(name_of(check), check, scene) for scene in channel.scenes for check in payments.BY_SCENE]
    once = [check for room in _ONCE for check in room.ONCE]
    if channel.capabilities.can_close:
        once += payments.CLOSING
    if channel.capabilities.notifications_expire:
        once += notifications.EXPIRING
    if sandbox.notify_keys:
        once += notifications.SWITCHING
    return (*by_scene, *(Check(name_of(check), check) for check in once), *beyond.checks(channel))


__all__ = ["Check", "Rig", "contract_checks"]
