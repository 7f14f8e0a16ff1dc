"""The operations that a process can die in, each with the way to its beginning and what must have come of it."""

from __future__ import annotations

from dataclasses import dataclass

from crash import cases
from crash.cases import Prepare
from crash.site import ANNOUNCE
from shunfu.payments import APPLY_HANDLER
from shunfu.payments.usecases.tools import ASK_JOB, EXPIRE_JOB
from shunfu.reconcile import RUN_JOB
from shunfu.refunds import APPLY_HANDLER as APPLY_REFUND_HANDLER
from shunfu.refunds import SURPLUS_HANDLER
from shunfu.refunds.usecases.tools import VISIT_JOB
from shunfu.webhooks.usecases import DELIVER_JOB

TEMPLATE, WECHAT = "template", "wechatpay"
APPLY, SURPLUS, APPLY_REFUND = (f"on:{APPLY_HANDLER}",), (f"on:{SURPLUS_HANDLER}",), (f"on:{APPLY_REFUND_HANDLER}",)
ASK, EXPIRE, VISIT = (ASK_JOB,), (EXPIRE_JOB,), (VISIT_JOB,)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the order ends once time has passed; `payments` and `refunds` are the states that there may be, sorted.

    `is_bought`: afterwards the shopper comes back and pays, if nobody has.
    """

    order: str
    payments: tuple[str, ...] = ()
    refunds: tuple[str, ...] = ()
    is_bought: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """What is stopped at every point. `kinds`: the jobs of the worker that dies, when it is a worker.

    `talks`: something is sent to the channel or to the merchant. `beyond`: channels that have nothing like it.
    """

    name: str
    prepare: Prepare
    wanted: Wanted
    kinds: tuple[str, ...] = ()
    channel: str = TEMPLATE
    talks: bool = False
    beyond: frozenset[str] = frozenset()


PAID = Wanted("PAID", ("CAPTURED",))
BOUGHT = Wanted("PAID", ("CAPTURED",), is_bought=True)
SHUT = Wanted("CLOSED", ("CLOSED",))
REFUNDED = Wanted("PAID", ("CAPTURED",), ("SUCCEEDED",))

SWITCHED = Wanted("PAID", ("CAPTURED", "CLOSED"), is_bought=True)
GIVEN_BACK = Wanted("CLOSED", ("CAPTURED",), ("SUCCEEDED",))

CLOSE_NOTHING, REFUND_AT_ONCE, ONE_METHOD = frozenset({"unionpay"}), frozenset({"alipay"}), frozenset({TEMPLATE})
"""Channels that close no order, whose answer to a refund is its end, and that have no other method to switch to."""

OPERATIONS = (
    Operation("create an order", cases.nothing_yet, Wanted("CLOSED")),
    Operation("start a payment", cases.ordered, BOUGHT, talks=True),
    Operation("start a payment with an offer", cases.offered, BOUGHT, talks=True),
    Operation("use an offer up", cases.discounted_reported, PAID, APPLY),
    Operation("give an offer back", cases.discounted_closing, SHUT, talks=True),
    Operation("resume a payment", cases.resumed, BOUGHT, talks=True),
    Operation(
        "switch the method",
        cases.switched,
        SWITCHED,
        channel=WECHAT,
        talks=True,
        beyond=CLOSE_NOTHING | ONE_METHOD,
    ),
    Operation("receive a notification", cases.paid, PAID),
    Operation("apply a notification", cases.reported, PAID, APPLY, WECHAT),
    Operation("ask, and find it paid", cases.paid_unheard, PAID, ASK, talks=True),
    Operation("ask, and send it again", cases.unknown, BOUGHT, ASK, talks=True),
    Operation("close an order", cases.closing, SHUT, talks=True),
    Operation("expire an order", cases.expiring, SHUT, EXPIRE),
    Operation("close what has expired", cases.expired, SHUT, ASK, talks=True),
    Operation(
        "capture a surplus, give it back",
        cases.surplus,
        GIVEN_BACK,
        (*APPLY, *SURPLUS, *VISIT),
        talks=True,
        beyond=CLOSE_NOTHING,
    ),
    Operation("ask for a refund", cases.refunding, REFUNDED, talks=True),
    Operation("approve a refund", cases.approving, REFUNDED, talks=True),
    Operation("reject a refund", cases.rejecting, Wanted("PAID", ("CAPTURED",), ("REJECTED",))),
    Operation("send a refund again", cases.refund_unsent, REFUNDED, VISIT, talks=True),
    Operation("receive a refund's notification", cases.refund_told, REFUNDED, beyond=REFUND_AT_ONCE),
    Operation("apply a refund's notification", cases.refund_reported, REFUNDED, APPLY_REFUND, beyond=REFUND_AT_ONCE),
    Operation("ask about a refund", cases.refund_unheard, REFUNDED, VISIT, talks=True, beyond=REFUND_AT_ONCE),
    Operation(
        "redirect an abnormal refund",
        cases.redirecting,
        REFUNDED,
        channel=WECHAT,
        talks=True,
        beyond=frozenset({TEMPLATE, "alipay", "unionpay"}),
    ),
    Operation("announce to the merchant", cases.announcing, PAID, (ANNOUNCE,)),
    Operation("deliver a webhook", cases.delivering, PAID, (DELIVER_JOB,), talks=True),
    Operation("reconcile a day", cases.statement_due, PAID, (RUN_JOB,), talks=True),
    Operation("repair a break", cases.repairing, PAID),
)
