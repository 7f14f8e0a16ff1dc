"""WeChat Pay keeps the contract's promises about combined orders, sharing, transfers, shipping and complaints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shunfu.channels.wechatpay import CHANNEL, SANDBOX
from shunfu.channels.wechatpay.sandbox import State, file_complaint
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import make_rig
from shunfu.gateway.contract.beyond import checks
from shunfu.gateway.contract.beyond_combine import combined
from shunfu.gateway.contract.beyond_sharing import RECEIVER, back, sharing
from shunfu.gateway.contract.beyond_shipping import shipment
from shunfu.gateway.contract.beyond_transfer import transfer
from shunfu.gateway.contract.check import Check
from shunfu.gateway.contract.rig import Rig
from shunfu.gateway.flow import Answer, Reply, Request
from shunfu.gateway.login import PlatformToken
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.keeping import read_stage, write_stage
from shunfu.gateway.statement import StatementFile
from shunfu.kernel.secret import Secret


@pytest.mark.parametrize("mode", ["both", "cert", "public_key"])
@pytest.mark.parametrize("check", checks(CHANNEL), ids=str)
def test_contract(check: Check, mode: str) -> None:
    check.run(make_rig(mode))


def test_only_the_groups_that_a_channel_has_are_checked() -> None:
    assert len(checks(CHANNEL)) > 35
    bare = replace(CHANNEL, combine=None, sharing=None, transfers=None, shipping=None, complaints=None)
    assert checks(bare) == ()
    assert {check.name for check in checks(replace(bare, combine=CHANNEL.combine))} < {
        check.name for check in checks(CHANNEL)
    }


def busy_rig() -> Rig[Settings, State]:
    """A merchant with one of everything."""
    rig = make_rig()
    whole = combined(rig)
    assert CHANNEL.combine is not None
    rig.run(CHANNEL.combine.prepay_combined(rig.settings, whole, rig.moment()))
    assert rig.pay(whole.number)
    prepay = replace(rig.prepay(CHANNEL.scenes[0]), is_shared=True)
    rig.run(CHANNEL.verbs.prepay(rig.settings, prepay, rig.moment()))
    assert rig.pay(prepay.number)
    rig.advance(120)
    _share_and_take_back(rig, rig.stage.state.orders[prepay.number].transaction_id)
    assert CHANNEL.transfers is not None
    rig.run(CHANNEL.transfers.transfer(rig.settings, transfer(rig), rig.moment()))
    token = rig.run(CHANNEL.login.fetch_token(rig.settings, rig.moment()))
    rig.run(CHANNEL.login.log_in(rig.settings, SANDBOX.login_code, None, rig.moment()))
    assert isinstance(token, PlatformToken)
    assert CHANNEL.shipping is not None
    rig.run(CHANNEL.shipping.upload(rig.settings, shipment(rig, prepay.number), token, rig.moment()))
    step = file_complaint(rig.stage.state, prepay.number, "豆子潮了", rig.at())
    assert step is not None
    rig.stage = stages.take_step(rig.stage, step, rig.at())
    return rig


def _share_and_take_back(rig: Rig[Settings, State], transaction_no: str) -> None:
    assert CHANNEL.sharing is not None
    rig.run(CHANNEL.sharing.add_receiver(rig.settings, RECEIVER, rig.moment()))
    rig.run(CHANNEL.sharing.share(rig.settings, sharing(rig, transaction_no, 1000), rig.moment()))
    rig.advance(60)
    rig.due()
    rig.run(CHANNEL.sharing.take_back(rig.settings, back(rig, 400), rig.moment()))
    rig.advance(60)
    rig.due()


def test_everything_is_kept_and_read_back() -> None:
    rig = busy_rig()
    known = rig.stage.state.beyond
    for rows in (known.receivers, known.sharings, known.returns, known.transfers, known.shipments, known.complaints):
        assert len(rows) == 1
    assert known.tokens
    assert known.used_codes
    text = write_stage(rig.stage)
    again = read_stage(SANDBOX, text)
    assert again.state == rig.stage.state
    assert write_stage(again) == text


def test_funds_statement_tells_every_movement_and_adds_up() -> None:
    rig = busy_rig()
    balance = rig.stage.state.till.balance_minor
    rig.advance(86400)
    file = rig.statement("funds")
    assert isinstance(file, StatementFile)
    lines = list(CHANNEL.statements.read_statement(rig.settings, file))
    assert sum(line.amount_minor - line.fee_minor for line in lines) == balance
    assert {line.amount_minor for line in lines} >= {-1000, 400, -500}
    assert lines[-1].balance_minor == balance


def test_logs_of_everything_show_no_shopper() -> None:
    rig = make_rig()
    seen: list[str] = []
    honest = rig.answer

    def watched(request: Request) -> Answer:
        answer = honest(request)
        body = answer.body.decode() if isinstance(answer, Reply) else ""
        seen.extend((request.url, request.body.decode(), body, repr(request), repr(answer)))
        return answer

    token = PlatformToken(Secret("no-token"), rig.now)
    rig.paid()
    assert CHANNEL.transfers is not None
    assert CHANNEL.shipping is not None
    assert CHANNEL.combine is not None
    rig.run(CHANNEL.transfers.transfer(rig.settings, transfer(rig), rig.moment()), watched)
    rig.run(CHANNEL.transfers.query_transfer(rig.settings, rig.number(50), rig.moment()), watched)
    rig.run(CHANNEL.shipping.upload(rig.settings, shipment(rig, rig.number()), token, rig.moment()), watched)
    rig.run(CHANNEL.combine.prepay_combined(rig.settings, combined(rig), rig.moment()), watched)
    for secret in (rig.payer, "no-token", *rig.secrets()):
        assert not any(secret in CHANNEL.scrub(text) for text in seen)
    assert any(rig.payer in text for text in seen), "the test looks for nothing"
