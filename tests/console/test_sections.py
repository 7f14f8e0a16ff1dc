"""The sections that set up and run a shop: webhooks, keys, channels, reconciliation, ledger, jobs, settings, audit."""

from __future__ import annotations

import csv
import html
import json
import re
from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest
from fastapi import Request

from console.desk import Desk, make_desk, merchant_of, paid, plain, refunded
from flows.world import call, credentials
from shunfu.app.settings import load, shown_settings
from shunfu.console.sections.today.routes import figures
from shunfu.db import Database, Job, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import parse_public
from shunfu.payments import PaymentAlarmed
from shunfu.payments.usecases.tools import EXPIRE_JOB


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await make_desk(database)


def form_id(page: str) -> str:
    found = re.search(r'name="form_id" value="([\w-]{40,})"', page)
    assert found, page
    return found[1]


def code_of(page: str) -> str:
    """What stands in the page's only box of code."""
    found = re.findall(r'<pre class="code-box"[^>]*>([^<]*)</pre>', page)
    assert len(found) == 1
    return html.unescape(found[0])


def uid_of(payment_id: str) -> UUID:
    found = parse_public("pay", payment_id)
    assert found is not None
    return found


async def audited(desk: Desk) -> str:
    return plain(await desk.text("/console/audit", "owner"))


async def test_an_endpoint_is_registered_told_and_its_secret_changed(desk: Desk) -> None:
    """The secret is shown once, a sent form twice makes one endpoint, and each deed stands in the audit log."""
    page = await desk.text("/console/webhooks", "owner")
    assert "还没有接收地址" in page
    fields = {
        "form_id": form_id(page),
        "url": "https://shop.example.com/hooks",
        "event_types": "*",
        "description": "店",
    }
    said = await desk.post("/console/webhooks/endpoints", **fields)
    assert said.status == 201
    secret = code_of(said.body.decode())
    assert secret.startswith("whsec_")
    again = await desk.post("/console/webhooks/endpoints", **fields)
    assert code_of(again.body.decode()) == secret
    listed = await desk.text("/console/webhooks", "owner")
    places = set(re.findall(r'href="(/console/webhooks/endpoints/whk_\w+)"', listed))
    assert len(places) == 1
    place = places.pop()
    shown = await desk.text(place, "owner")
    assert secret not in shown
    rotated = await desk.post(f"{place}/rotate", form_id=form_id(shown), old_valid_seconds="3600")
    assert rotated.status == 201
    assert code_of(rotated.body.decode()) not in {secret, ""}
    await desk.does(f"{place}/disable", "endpoint_disabled")
    assert "已停用" in plain(await desk.text(place, "owner"))
    await desk.does(f"{place}/enable", "endpoint_enabled")
    log = await audited(desk)
    for action in ("endpoint.created", "endpoint.secret_rotated", "endpoint.disabled", "endpoint.enabled"):
        assert log.count(action) == 1, action
    assert "stf_11" in log


@pytest.mark.parametrize(
    "changed",
    [{"url": "http://169.254.169.254/"}, {"url": "javascript:alert(1)"}, {"event_types": "no.such"}, {"form_id": "x"}],
)
async def test_an_endpoint_that_cannot_be_is_refused(desk: Desk, changed: dict[str, str]) -> None:
    page = await desk.text("/console/webhooks", "owner")
    fields = {"form_id": form_id(page), "url": "https://shop.example.com/hooks", "event_types": "*", **changed}
    said = await desk.post("/console/webhooks/endpoints", **fields)
    assert said.headers["location"] == "/console/webhooks?no=invalid_field"
    assert "还没有接收地址" in await desk.text("/console/webhooks", "owner")


async def test_a_message_is_read_and_sent_again(desk: Desk) -> None:
    page = await desk.text("/console/webhooks", "owner")
    fields = {"form_id": form_id(page), "url": "https://shop.example.com/hooks", "event_types": "*"}
    await desk.post("/console/webhooks/endpoints", **fields)
    await paid(desk.world)
    await desk.world.work()
    listed = await desk.text("/console/webhooks", "owner")
    place = re.findall(r'href="(/console/webhooks/messages/evt_\w+)"', listed)[0]
    shown = await desk.text(place, "owner")
    assert json.loads(code_of(shown))["type"] in shown
    await desk.does(f"{place}/replay", "replayed")
    assert "webhook.replayed" in await audited(desk)
    assert (await desk.get(place, "viewer")).status == 403
    assert (await desk.get(place, "stranger")).status == 404


async def test_an_api_key_is_issued_used_and_revoked(desk: Desk) -> None:
    """What it may do is what was ticked; revoked, it opens nothing from the next request on."""
    fields = {"label": "订单服务", "days": "30", "capabilities": "orders:read\r\norders:write"}
    said = await desk.post("/console/keys", **fields)
    assert said.status == 201
    key = code_of(said.body.decode())
    assert key.startswith("sk_test_")
    assert (await desk.world.get("/v1/orders", authorization=f"Bearer {key}")).status == 200
    assert (await desk.world.get("/v1/refunds", authorization=f"Bearer {key}")).status == 403
    listed = await desk.text("/console/keys", "owner")
    assert key not in listed
    row = re.search(r'href="(/console/keys/key_\w+)"><bdi class="wrap">订单服务', listed)
    assert row
    await desk.does(f"{row[1]}/revoke", "key_revoked")
    assert (await desk.world.get("/v1/orders", authorization=f"Bearer {key}")).status == 401
    assert "已收回" in plain(await desk.text(row[1], "owner"))
    assert (await desk.post(f"{row[1]}/revoke", "stranger")).status == 404
    assert (await desk.post(f"{row[1]}/revoke")).status == 404
    log = await audited(desk)
    assert "api_key.issued" in log
    assert "api_key.revoked" in log


@pytest.mark.parametrize(
    "changed", [{"capabilities": "staff:write"}, {"capabilities": ""}, {"days": "100000"}, {"label": ""}]
)
async def test_a_key_may_not_do_what_no_back_end_may(desk: Desk, changed: dict[str, str]) -> None:
    fields = {"label": "x", "days": "30", "capabilities": "orders:read", **changed}
    said = await desk.post("/console/keys", **fields)
    assert said.headers["location"] == "/console/keys?no=invalid_field"


async def test_channel_accounts_show_their_ends_and_take_only_what_loads(desk: Desk) -> None:
    page = await desk.text("/console/keys", "owner")
    accounts = re.findall(r'href="(/console/keys/accounts/acc_\w+)"', page)
    assert accounts
    shown = plain(await desk.text(accounts[0], "owner"))
    assert "渠道凭据" in shown
    assert "天" in shown
    for told in ("", "[]", "{}", '{"mchid": 1}', '{"mchid": "1"}', "[" * 5000):
        said = await desk.post(f"{accounts[0]}/replace", credentials=told)
        assert said.headers["location"] == f"{accounts[0]}?no=invalid_field", told
    assert (await desk.post(f"{accounts[0]}/replace", "stranger", credentials='{"a": "b"}')).status == 404
    assert (await desk.get(accounts[0], "stranger")).status == 404
    said = await desk.post("/console/keys/accounts", channel="no_such", credentials='{"a": "b"}')
    assert said.headers["location"] == "/console/keys?no=invalid_field"


async def test_an_account_shows_by_which_key_its_channel_signs(desk: Desk) -> None:
    """While a channel moves from one key to another, each key's share of the messages says how far it is."""
    page = await desk.text("/console/keys", "owner")
    account = re.findall(r'href="(/console/keys/accounts/acc_\w+)"', page)[0]
    assert "还没有收到过" in plain(await desk.text(account, "owner"))
    _, payment_id = await desk.world.pending()
    desk.world.line.shopper(payment_id.partition("_")[2])
    (delivery,) = desk.world.line.due()
    serial = {name.lower(): value for name, value in delivery.request.headers}["wechatpay-serial"]
    assert (await desk.world.deliver(delivery)).status == 200
    shown = plain(await desk.text(account, "owner"))
    assert serial in shown
    assert "100%" in shown
    assert serial not in plain(await desk.text("/console/keys", "stranger"))


async def test_credentials_are_replaced_by_such_that_load(desk: Desk) -> None:
    page = await desk.text("/console/keys", "owner")
    accounts = re.findall(r'href="(/console/keys/accounts/acc_\w+)"', page)
    told = json.dumps(credentials(), indent=1)
    await desk.does(f"{accounts[0]}/replace", "credentials_replaced", credentials=told)
    assert "account.replaced" in await audited(desk)
    assert "-----BEGIN" not in await desk.text(accounts[0], "owner")


async def test_the_ledger_shows_what_moved_and_that_it_balances(desk: Desk) -> None:
    assert "还没有记过账" in await desk.text("/console/ledger", "owner")
    _, payment_id = await paid(desk.world)
    await refunded(desk.world, payment_id)
    shown = plain(await desk.text("/console/ledger", "owner"))
    assert "借贷平衡" in plain(await desk.text(await desk.does("/console/ledger/prove", "books_balance"), "owner"))
    assert "¥86.00" in shown
    assert "销售" in shown
    assert f"/console/payments/{payment_id}" in await desk.text("/console/ledger", "owner")
    assert "还没有记过账" in await desk.text("/console/ledger", "stranger")
    assert (await desk.get("/console/ledger", "viewer")).status == 403


async def test_a_job_that_gave_up_is_found_and_run_again(desk: Desk) -> None:
    database, merchant = desk.world.house.database, merchant_of(desk.world.api_key)
    source: Source = desk.world.house.source

    async def story(tx: Transaction) -> None:
        job = Job(merchant, EXPIRE_JOB, "nothing", {}, source.now(), max_attempts=1)
        await desk.world.house.jobs.enqueue(tx, job)

    assert "没有失败的任务" in await desk.text("/console/jobs", "owner")
    await database.transact(story)
    await desk.world.work()
    listed = await desk.text("/console/jobs?state=dead", "owner")
    places = re.findall(r'href="(/console/jobs/job_\w+)"', listed)
    assert len(places) == 1
    shown = plain(await desk.text(places[0], "owner"))
    assert EXPIRE_JOB in shown
    assert (await desk.get(places[0], "stranger")).status == 404
    assert (await desk.post(f"{places[0]}/run", "stranger")).status == 404
    await desk.does(f"{places[0]}/run", "job_runs")
    assert "job.run_again" in await audited(desk)


async def test_return_origins_are_set_and_nothing_else_is_one(desk: Desk) -> None:
    wanted = "https://shop.example.com\r\nhttps://www.example.com:8443"
    await desk.does("/console/settings/origins", "origins_set", origins=wanted)
    shown = await desk.text("/console/settings", "owner")
    assert "https://www.example.com:8443" in shown
    for odd in ("https://shop.example.com/path", "javascript:alert(1)", "//evil", "https:evil", "shop.example.com"):
        said = await desk.post("/console/settings/origins", origins=odd)
        assert said.headers["location"] == "/console/settings?no=invalid_field", odd
    assert "https://shop.example.com" in await desk.text("/console/settings", "owner")
    assert "merchant.return_origins_set" in await audited(desk)


async def test_the_audit_log_pages_back_and_proves_itself(desk: Desk) -> None:
    for number in range(60):
        await desk.does("/console/settings/origins", "origins_set", origins=f"https://s{number}.example.com")
    first = await desk.text("/console/audit", "owner")
    older = re.search(r'href="(/console/audit\?before=\d+)"', first)
    assert older
    assert "merchant.created" in plain(await desk.text(older[1], "owner"))
    await desk.does("/console/audit/verify", "audit_whole")
    assert (await desk.get("/console/audit", "viewer")).status == 403


async def test_a_day_is_reconciled_and_its_break_repaired_by_two(desk: Desk) -> None:
    """A day with nothing on either side reconciles without a break, and its page says so."""
    await paid(desk.world)
    page = await desk.text("/console/reconcile", "owner")
    account = re.search(r'<option value="(acc_\w+)"', page)
    assert account
    day = (desk.world.house.source.now() - timedelta(days=1)).date().isoformat()
    fields = {"form_id": form_id(page), "account": account[1], "day": day}
    place = (await desk.does("/console/reconcile/runs", "run_requested", **fields)).partition("?")[0]
    assert place.startswith("/console/reconcile/runs/rcn_")
    assert "owner" not in await desk.text(place, "finance")
    assert (await desk.get(place, "stranger")).status == 404
    said = await desk.post("/console/reconcile/runs", **{**fields, "day": "yesterday"})
    assert said.headers["location"] == "/console/reconcile?no=invalid_field"
    assert "run.requested" in await audited(desk)


async def test_an_alarm_is_kept_until_somebody_has_seen_to_it(desk: Desk) -> None:
    """A second success on a paid order alarms; whoever sees to it is written down, and the first to do so stays."""
    assert "没有" in plain(await desk.text("/console/alarms", "owner"))
    order = await desk.world.order()
    first = (await desk.world.pay(order["id"])).json()["id"]
    await desk.world.shopper_pays(first)
    merchant, source = merchant_of(desk.world.api_key), desk.world.house.source
    event = PaymentAlarmed(merchant_id=merchant, happened_at=source.now(), payment_id=uid_of(first), alarm="surplus")

    async def story(tx: Transaction) -> None:
        await desk.world.house.payments.outbox.publish(tx, event)

    await desk.world.house.database.transact(story)
    await desk.world.work()
    listed = await desk.text("/console/alarms?state=open", "owner")
    places = re.findall(r'href="(/console/alarms/alm_\w+)"', listed)
    assert len(places) == 1
    assert f"/console/payments/{first}" in listed
    assert (await desk.get(places[0], "stranger")).status == 404
    assert (await desk.post(f"{places[0]}/seen", "stranger")).status == 404
    await desk.does(f"{places[0]}/seen", "alarm_seen")
    await desk.does(f"{places[0]}/seen", "alarm_seen", "second")
    shown = plain(await desk.text(places[0], "owner"))
    assert "stf_11" in shown
    assert "stf_21" not in shown
    assert places[0] not in await desk.text("/console/alarms?state=open", "owner")
    assert places[0] in await desk.text("/console/alarms?state=seen", "owner")
    assert (await audited(desk)).count("alarm.acknowledged") == 1


async def test_lists_are_had_as_files_whole_and_harmless(desk: Desk) -> None:
    """CSV and workbook have every row that the list shows, amounts as numbers, and no text that a spreadsheet runs."""
    evil = "=HYPERLINK(1)"
    for number in range(3):
        await desk.world.order(subject=f"{evil}{number}")
    _, payment_id = await paid(desk.world)
    await refunded(desk.world, payment_id, reason="@SUM(A1)")
    said = await desk.get("/console/orders/export.csv", "owner")
    assert said.headers["content-type"] == "text/csv; charset=utf-8"
    assert said.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    rows = list(csv.reader(StringIO(said.body.decode("utf-8-sig"))))
    assert len(rows) == 1 + 4
    assert {row[5] for row in rows[1:]} == {f"'{evil}0", f"'{evil}1", f"'{evil}2", "咖啡豆"}
    assert {row[2] for row in rows[1:]} == {"86.00"}
    paid_only = list(csv.reader(StringIO((await desk.get("/console/orders/export.csv?state=PAID")).body.decode())))
    assert len(paid_only) == 2
    refunds = (await desk.get("/console/refunds/export.csv", "owner")).body.decode("utf-8-sig")
    assert "'@SUM(A1)" in refunds
    for name in ("orders", "refunds", "ledger", "audit"):
        book = await desk.get(f"/console/{name}/export.xlsx", "owner")
        assert book.status == 200, name
        assert book.body[:2] == b"PK"
        assert (await desk.get(f"/console/{name}/export.csv", "owner")).status == 200
        assert (await desk.get(f"/console/{name}/export.csv", "nothing")).status == 403
        assert (await desk.get(f"/console/{name}/export.csv", "nobody")).status == 303
    assert evil not in (await desk.get("/console/orders/export.csv", "stranger")).body.decode()


async def test_figures_are_sent_again_when_they_change_and_end_with_the_session(desk: Desk) -> None:
    """One message at once, one after money moved, and none in between; a session that ends is told so."""
    request = Request({"type": "http", "headers": [(b"x-who", b"owner")], "query_string": b"", "path": "/console/live"})
    stream = figures(desk.tools, request)
    first = await anext(stream)
    assert first.startswith("data: ")
    assert "¥" in first
    await paid(desk.world)
    await desk.world.work()
    second = await anext(stream)
    assert second != first
    assert "86" in second
    del desk.visitors["owner"]
    assert "event: over" in await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_nobody_chooses_the_id_of_what_a_form_makes(desk: Desk) -> None:
    """An endpoint's own id, or the greatest id there is, would show a secret again or hide a row."""
    page = await desk.text("/console/webhooks", "owner")
    fields = {"url": "https://shop.example.com/hooks", "event_types": "*"}
    await desk.post("/console/webhooks/endpoints", form_id=form_id(page), **fields)
    place = re.findall(
        r'href="(/console/webhooks/endpoints/whk_(\w+))"', await desk.text("/console/webhooks", "owner")
    )[0]
    others = form_id(await desk.text("/console/webhooks", "second"))
    for chosen in (place[1], place[1] + form_id(page)[26:], "7" + "Z" * 25, others):
        said = await desk.post(f"{place[0]}/rotate", form_id=chosen, old_valid_seconds="0")
        assert said.headers["location"] == f"{place[0]}?no=invalid_field", chosen


async def test_a_key_may_do_no_more_than_its_maker_and_never_approves(desk: Desk) -> None:
    """Else one person with two keys would be two people."""
    desk.sits("developer", "developer", 31)
    for who, capability in (("developer", "refunds:write"), ("developer", "ledger:read"), ("owner", "refunds:approve")):
        said = await desk.post("/console/keys", who, label="x", days="30", capabilities=f"orders:read {capability}")
        assert said.headers["location"] == "/console/keys?no=invalid_field", capability
    said = await desk.post("/console/keys", "developer", label="x", days="30", capabilities="orders:read")
    assert said.status == 201


async def test_whoever_only_reads_sees_to_no_alarm(desk: Desk) -> None:
    merchant, source = merchant_of(desk.world.api_key), desk.world.house.source
    event = PaymentAlarmed(merchant_id=merchant, happened_at=source.now(), payment_id=source.new_id(), alarm="surplus")

    async def story(tx: Transaction) -> None:
        await desk.world.house.payments.outbox.publish(tx, event)

    await desk.world.house.database.transact(story)
    await desk.world.work()
    place = re.findall(r'href="(/console/alarms/alm_\w+)"', await desk.text("/console/alarms", "viewer"))[0]
    assert "/seen" not in await desk.text(place, "viewer")
    assert (await desk.post(f"{place}/seen", "viewer")).status == 403
    assert "/seen" in await desk.text(place, "finance")


@pytest.mark.parametrize("charset", ["undefined", "punycode", "idna", "no-such"])
async def test_an_odd_character_set_is_no_fault(desk: Desk, charset: str) -> None:
    """Some codecs raise what nobody expects; the form is refused, whoever sends it."""
    body = b'--x\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n\xff\r\n--x--\r\n'
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    for path in ("/console/settings/origins", "/console/keys"):
        said = await call(desk.app, "POST", path, {"content-type": kind, "x-who": "owner"}, body)
        assert said.status in {400, 403}, (path, said.status)


async def test_a_file_does_not_break_off_at_an_odd_cursor(desk: Desk) -> None:
    await desk.world.order()
    said = await desk.get("/console/orders/export.csv?cursor=x&state=OPEN", "owner")
    assert said.status == 200
    assert said.body.count(b"\n") == 2


def test_a_merchants_staff_see_nothing_of_the_machine() -> None:
    names = {name for name, _, _ in shown_settings(load({}, {"SHUNFU_KMS_COMMAND": "vault --token s3cret"}))}
    assert "refund_approval_above_minor" in names
    assert not names & {"kms_command", "key_file", "data_folder", "database_url", "trusted_proxies", "metrics_token"}
