"""What the staff pages show in tests: the picture's shop, and the same with texts that strangers chose."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from console import panel_samples
from shunfu.checkout.kit import Language
from shunfu.console import pages
from shunfu.console.kit import Note
from shunfu.console.model import (
    Alarm,
    DoorPage,
    MethodRate,
    NewestPayment,
    OrderRow,
    RefundRow,
    SessionRow,
    SideRow,
    Sum,
    Today,
    TroubledJob,
    Visitor,
    hours_of,
)
from shunfu.console.sections import MENU
from shunfu.console.sections.today.page import render_figures
from shunfu.console.usecases import WholeOrder
from shunfu.kernel.caller import Caller
from shunfu.kernel.money import Money
from shunfu.kernel.plain import Words
from shunfu.merchants.staff import CAPABILITIES, Account, Colleague, OpenLink, Passkey, Role, Team
from shunfu.payments import Detail, Explained, Item, Line, Order, OrderState, Payment, PaymentState
from shunfu.refunds import ExplainedRefund, Refund, RefundState

NOW = datetime(2026, 11, 22, 6, 2, 38, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> \u202eknab\u2066 \"quoted\" & 'x'"
MERCHANT = UUID(int=7)
READS = frozenset({"orders:read", "payments:read", "refunds:read"})
LABELS = {"pigeon": Words("信鸽支付", "Pigeon Pay"), "crow": Words("乌鸦支付", "Crow Pay")}


def uid(number: int) -> UUID:
    return UUID(int=(0x019A_A000_0000 << 80) | (0x7 << 76) | (0b10 << 62) | number)


def label(channel: str) -> Words:
    return LABELS[channel]


def visitor(mode: str = "test", capabilities: frozenset[str] = READS) -> Visitor:
    caller = Caller(MERCHANT, "staff", "stf_1", capabilities, is_live=mode == "live")
    return Visitor(caller, "周宁", "operator", "山前咖啡", mode, "token-0001", uid(1))


def frame(language: Language = "zh-CN", mode: str = "test") -> pages.Frame:
    return pages.Frame(visitor(mode), language, "", MENU)


def yuan(minor: int) -> Money:
    return Money(minor, "CNY")


HOURS = hours_of([(hour, 1_000 * (hour % 24) ** 2) for hour in range(40)], "CNY", NOW)
EMPTY = Today(NOW, (), (), (), 0, None, 0, (), (), has_orders=False, hours=hours_of([], "CNY", NOW))
BUSY = Today(
    now=NOW,
    captured=(Sum(2521, yuan(18_240_650)), Sum(3, Money(1200, "JPY"))),
    refunded=(Sum(23, yuan(211_800)),),
    methods=(
        MethodRate("pigeon", "native", 1642, 1683),
        MethodRate("pigeon", "miniprogram", 718, 740),
        MethodRate("crow", "h5", 161, 180),
    ),
    unknown=4,
    unknown_since=NOW - timedelta(minutes=11),
    waiting_refunds=2,
    alarms=(
        Alarm("payment", uid(60), uid(30), "CAPTURED", yuan(8600), "surplus", NOW - timedelta(minutes=21)),
        Alarm("refund", uid(61), uid(50), "ABNORMAL", yuan(1200), "refund_abnormal", NOW - timedelta(hours=2)),
        Alarm("payment", uid(62), uid(31), "PENDING", yuan(12800), "never_heard_of", NOW - timedelta(days=2)),
    ),
    jobs=(
        TroubledJob("payments.ask", "waiting", 3, "TransientFault", NOW + timedelta(minutes=2)),
        TroubledJob("webhooks.send", "dead", 16, HOSTILE, NOW - timedelta(hours=1)),
    ),
    has_orders=True,
    hours=HOURS,
    open_alarms=3,
)


def order(subject: str = "山前日晒咖啡豆 250g") -> Order:
    return Order(
        merchant_id=MERCHANT,
        order_id=uid(10),
        merchant_order_no="SF1122-0417",
        amount=yuan(8600),
        subject=subject,
        items=(Item("日晒咖啡豆", 1, 6800), Item("滤纸", 2, 1800)),
        return_url="https://shop.example.com/done",
        state=OrderState.OPEN,
        expires_at=NOW + timedelta(minutes=30),
        created_at=NOW - timedelta(seconds=29),
    )


def payment(state: PaymentState = PaymentState.UNKNOWN) -> Payment:
    return Payment(
        merchant_id=MERCHANT,
        payment_id=uid(30),
        order_id=uid(10),
        channel="pigeon",
        scene="native",
        account_id=uid(3),
        channel_account="1900000109",
        channel_app="app",
        amount=yuan(8600),
        state=state,
        deadline=NOW + timedelta(minutes=35),
        created_at=NOW - timedelta(seconds=29),
        notify_url="https://pay.example.com/n",
        refused_reason="risk" if state is PaymentState.REFUSED else None,
        channel_transaction_no="4200001234202611227731",
        captured=yuan(8600) if state is PaymentState.CAPTURED else None,
        captured_at=NOW if state is PaymentState.CAPTURED else None,
        refunded_minor=1200 if state is PaymentState.CAPTURED else 0,
    )


def line(seconds: float, lanes: str, words: Words, kind: str = "message_in", **detail: object) -> Line:
    names = {"m": "merchant", "s": "shunfu", "c": "channel", "": None}
    number = round(seconds * 1000)
    return Line(
        at=NOW - timedelta(seconds=29 - seconds),
        lane=names[lanes[0]],
        towards=names[lanes[1:]],
        kind=kind,
        summary=words,
        detail=Detail(**detail),
        id=f"xch_{number:026}",
        key=(number, 0),
    )


LINES = (
    line(0.1, "ms", Words("创建订单 ¥86.00", "Order created: ¥86.00")),
    line(0.131, "ms", Words("发起付款：信鸽支付（native）", "Payment started with Pigeon Pay (native)")),
    line(0.14, "sc", Words("给信鸽支付的下单请求", "Our order to Pigeon Pay"), "message_out", verdict="sent"),
    line(
        0.322,
        "cs",
        Words("信鸽支付没有答复", "Pigeon Pay did not answer"),
        "expected_missing",
        verdict="missing",
        reason="time-out",
        took_milliseconds=10_000,
    ),
    line(
        0.33,
        "s",
        Words("判为结果未明", "Marked as unknown"),
        "decision",
        state_before="SENDING",
        state_after="UNKNOWN",
    ),
    line(
        26.4,
        "cs",
        Words("信鸽支付回答：还没有付款", "Pigeon Pay said: nothing has been paid"),
        verdict="trusted",
        status=200,
        reason="USERPAYING",
        body_sha256="ab" * 32,
        took_milliseconds=131,
    ),
    line(27, "sm", Words("告诉商户：payment.pending", "Told the merchant: payment.pending"), verdict="delivered"),
    line(28, "s", Words("继续等", "We go on waiting"), "decision", state_before="UNKNOWN", state_after="PENDING"),
)
WHY = Words(
    "结果未明：信鸽支付在 14:02:09 没有答复下单请求；已查 3 次，14:02:43 再查。",
    "The result is unknown: Pigeon Pay did not answer our order at 14:02:09; we have asked 3 times.",
)


def explained(state: PaymentState = PaymentState.UNKNOWN) -> Explained:
    return Explained(payment(state), (), (), LINES, is_cut=False, why=WHY)


def refund(state: RefundState = RefundState.PROCESSING, reason: str = "顾客不要了") -> Refund:
    return Refund(
        merchant_id=MERCHANT,
        refund_id=uid(50),
        payment_id=uid(30),
        order_id=uid(10),
        channel="pigeon",
        account_id=uid(3),
        channel_account="1900000109",
        channel_transaction_no="4200001234202611227731",
        amount=yuan(1200),
        total=yuan(8600),
        reason=reason,
        notify_url="https://pay.example.com/n",
        is_surplus=False,
        is_automatic=False,
        state=state,
        requested_by="key_1",
        send_after=NOW,
        created_at=NOW,
        succeeded_at=NOW if state is RefundState.SUCCEEDED else None,
    )


def rows(count: int = 10, subject: str = "山前日晒咖啡豆 250g") -> list[OrderRow]:
    tried = (
        NewestPayment("pigeon", "native", "UNKNOWN"),
        NewestPayment("pigeon", "miniprogram", "CAPTURED"),
        NewestPayment("crow", "h5", "CLOSED"),
        None,
    )
    states = ("OPEN", "PAID", "CLOSED", "CLOSING")
    return [
        OrderRow(
            order_id=uid(100 + index),
            merchant_order_no=f"SF1122-{index:04}" if index % 3 else None,
            amount=yuan(8600 + 99_123 * index),
            subject=subject,
            state=states[index % 4],
            created_at=NOW - timedelta(seconds=31 * index),
            payment=tried[index % 4],
        )
        for index in range(count)
    ]


REFUND_ROWS = (RefundRow(uid(50), yuan(1200), "PROCESSING", NOW),)
SIDES = (
    SideRow("mer_0000000000000000000000000A", "山前书店", "owner", "test", is_current=True),
    SideRow("mer_0000000000000000000000000B", "<b>山前书店", "owner", "live", is_current=False),
)
SESSIONS = (
    SessionRow(uid(1), NOW - timedelta(hours=2), NOW, "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0", True),
    SessionRow(uid(2), NOW - timedelta(days=1), NOW - timedelta(hours=9), HOSTILE, False),
)


OWNS = CAPABILITIES["owner"]
ACCOUNT = Account(
    login_name="zhou",
    passkeys=(
        Passkey(uid(70), b"c", b"k", 3, "办公室电脑", NOW - timedelta(days=9), NOW),
        Passkey(uid(71), b"d", b"k", 0, HOSTILE, NOW, None),
    ),
    recovery_codes=10,
    identities=(("https://login.example.com", "person-1", NOW),),
    may_have_passkeys=True,
)
BARE_ACCOUNT = Account("zhou", (), 0, (), may_have_passkeys=False)


def colleague(number: int, name: str, role: Role = "viewer", **changes: object) -> Colleague:
    made = Colleague(uid(number), f"lin-{number}", name, role, NOW, True, 0, None, None, None)
    return replace(made, **changes)


TEAM = Team(
    people=(
        colleague(80, "周宁", "owner", passkeys=2),
        colleague(81, HOSTILE, "finance", locked_until=NOW + timedelta(minutes=3)),
        colleague(82, "林", "support", has_totp=False, last_login_at=None),
        colleague(83, "韩", "developer", reset_at=NOW),
        colleague(84, "离开的人", "operator", disabled_at=NOW),
    ),
    links=(
        OpenLink(uid(90), "finance", None, "周宁", NOW, NOW + timedelta(hours=23)),
        OpenLink(uid(91), None, HOSTILE, None, NOW, NOW + timedelta(hours=1)),
    ),
)


def door(language: Language, error: str | None = None) -> DoorPage:
    values = {"login_name": 'zhou"><b>', "password": "hunter2-and-more", "code": "123456", "name": "周宁"}
    return DoorPage(language, "token-0001", error, values, asks_shop=True)


def moved_figures() -> str:
    """What is sent to the first page when money has moved."""
    moved = replace(BUSY, captured=(Sum(9, yuan(99_999_900)),), hours=hours_of([(24, 99_999_900)], "CNY", NOW))
    return render_figures(frame("en"), moved, label)


def every(language: Language) -> dict[str, str]:
    """Each page by name, in one language."""
    shown, live = frame(language), frame(language, "live")
    uri = "otpauth://totp/Shunfu:zhou?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567&issuer=Shunfu"
    whole = WholeOrder(order(), (payment(), replace(payment(PaymentState.REFUSED), payment_id=uid(31))), REFUND_ROWS)
    bare = WholeOrder(replace(order(), items=(), state=OrderState.CLOSED), (), ())
    mean = WholeOrder(replace(order(HOSTILE), merchant_order_no=HOSTILE, items=(Item(HOSTILE, 1, 1),)), (), ())
    told = ExplainedRefund(refund(), (), LINES, is_cut=True, why=WHY)
    older = pages.Listing("OPEN", "", is_first=False, older="0" * 48)
    whole_frame = replace(shown, visitor=visitor(capabilities=OWNS), note=Note("asked", is_good=True))
    odd_frame = replace(live, note=Note(HOSTILE, is_good=False))
    return panel_samples.every(whole_frame, odd_frame, label, BUSY) | {
        "today": pages.render_today(shown, BUSY, label),
        "today-live": pages.render_today(live, BUSY, label),
        "today-empty": pages.render_today(shown, EMPTY, label),
        "orders": pages.render_orders(shown, pages.Listing(older="0" * 48), rows(), label),
        "orders-older": pages.render_orders(live, older, rows(3), label),
        "orders-none": pages.render_orders(shown, pages.Listing(needle=HOSTILE), (), label),
        "orders-empty": pages.render_orders(shown, pages.Listing(), (), label),
        "orders-hostile": pages.render_orders(shown, pages.Listing(), rows(2, HOSTILE), label),
        "order": pages.render_order(shown, whole, label),
        "order-bare": pages.render_order(live, bare, label),
        "order-hostile": pages.render_order(shown, mean, label),
        "payment": pages.render_payment(shown, explained(), REFUND_ROWS, label),
        "payment-acting": pages.render_payment(whole_frame, explained(PaymentState.CAPTURED), REFUND_ROWS, label),
        "order-acting": pages.render_order(whole_frame, WholeOrder(order(), (), ()), label),
        "refund-asked": pages.render_refund(
            whole_frame,
            ExplainedRefund(refund(RefundState.REQUESTED), (), LINES, is_cut=False, why=WHY),
            label,
        ),
        "payment-captured": pages.render_payment(live, explained(PaymentState.CAPTURED), (), label),
        "payment-refused": pages.render_payment(live, explained(PaymentState.REFUSED), None, label),
        "refund": pages.render_refund(shown, told, label),
        "refunds": pages.render_refunds(shown, pages.Listing(), [refund(each) for each in RefundState], label),
        "refunds-none": pages.render_refunds(shown, pages.Listing("ABNORMAL"), (), label),
        "refunds-empty": pages.render_refunds(shown, pages.Listing(), (), label),
        "refunds-hostile": pages.render_refunds(shown, pages.Listing(), [refund(reason=HOSTILE)], label),
        "login": pages.render_login(door(language)),
        "login-wrong": pages.render_login(door(language, "wrong")),
        "first": pages.render_first_owner(door(language)),
        "first-short": pages.render_first_owner(door(language, "password_short")),
        "authenticator": pages.render_authenticator(door(language), uri, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        "code": pages.render_code(door(language)),
        "code-wrong": pages.render_code(door(language, "code_wrong")),
        "login-ended": pages.render_login(replace(door(language), has_ended=True, has_provider=True)),
        "code-passkey": pages.render_code(replace(door(language), passkey='{"challenge":"AA"}')),
        "confirm": pages.render_confirm(door(language, "password_wrong")),
        "reset": pages.render_reset(door(language)),
        "account": pages.render_account(shown, pages.AccountView(ACCOUNT, "password_common", has_provider=True)),
        "account-bare": pages.render_account(live, pages.AccountView(BARE_ACCOUNT, has_provider=True)),
        "passkey-new": pages.render_new_passkey(shown, '{"challenge":"AA"}'),
        "codes": pages.render_codes(shown, ["7K2M-9QXD-3TVB-80EH"] * 10),
        "people": pages.render_people(pages.Frame(visitor(capabilities=OWNS), language), TEAM, NOW),
        "people-read": pages.render_people(
            pages.Frame(visitor(capabilities=OWNS - {"staff:write"}), language), TEAM, NOW
        ),
        "people-link": pages.render_link(shown, f"https://pay.example.com/console/first/{'A' * 69}", is_reset=False),
        "sessions": pages.render_sessions(shown, SESSIONS, SIDES),
        "refused": pages.render_refused(language, "not_found"),
        "refused-odd": pages.render_refused(language, "a_word_of_tomorrow"),
    }
