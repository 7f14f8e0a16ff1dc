"""Every route of the API with another merchant's ids, keys, cursors and idempotency keys (A40 to A44, A47, A68).

The routes are read from the OpenAPI document, so a new one fails here until it has a case. Each case ends with a
control: the owner's own request with the very same path and body gets through, so it was ownership that was refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI

from attacks.tenants import HOOK, OFFER, PARAMETER, Tenants, fingerprint
from shunfu.app.http.server import build_api, openapi_document
from shunfu.db import Urls

pytestmark = pytest.mark.asyncio(loop_scope="module")
ORDER = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆"}
REFUND = {"amount_minor": 100, "reason": "少一件"}
CARD = {"to": "payer", "bank": "ICBC_DEBIT", "bank_account": "6222020000000000000", "real_name": "陈梅"}


@dataclass(frozen=True)
class Case:
    """How the owner's own request goes: the control. `by` is "approver" for what needs a second key."""

    status: int = 200
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    query: str = ""
    by: str = "owner"


CASES: dict[str, Case] = {
    "list_orders": Case(),
    "create_order": Case(201, ORDER),
    "read_order": Case(),
    "start_payment": Case(201, {"method": "wechatpay/native"}),
    "close_order": Case(),
    "read_payment": Case(),
    "create_offer": Case(201, OFFER),
    "list_offers": Case(),
    "read_offer": Case(),
    "end_offer": Case(),
    "list_refunds_of_payment": Case(),
    "request_refund": Case(201, REFUND),
    "list_refunds": Case(),
    "read_refund": Case(),
    "redirect_refund": Case(409, CARD),
    "approve_refund": Case(by="approver"),
    "reject_refund": Case(409, by="approver"),
    "request_reconcile_run": Case(201, {"channel": "wechatpay", "date": "2026-01-01"}),
    "list_reconcile_runs": Case(),
    "read_reconcile_run": Case(),
    "list_breaks": Case(),
    "read_break": Case(),
    "preview_repair": Case(),
    "propose_repair": Case(),
    "approve_repair": Case(by="approver"),
    "accept_break": Case(409, {"note": "知道了"}),
    "list_ledger_days": Case(query="from=2026-01-01&to=2026-01-31"),
    "list_ledger_balances": Case(),
    "create_webhook_endpoint": Case(201, HOOK),
    "list_webhook_endpoints": Case(),
    "read_webhook_endpoint": Case(),
    "rotate_webhook_secret": Case(body={"old_valid_seconds": 60}),
    "disable_webhook_endpoint": Case(),
    "enable_webhook_endpoint": Case(),
    "list_webhook_messages": Case(),
    "read_webhook_message": Case(),
    "replay_webhook_message": Case(),
}
BY_TOKEN = {
    "read_checkout": "the token in the path is the credential",
    "pay_from_checkout": "the same",
    "tell_telemetry": "the token is in the body; tests/telemetry/test_api.py has the strangers",
}
"""Not reached with a key at all; `test_a_checkout_token_opens_its_own_order_only` is theirs."""
BY_SESSION = {
    *("sign_in_shopper", "end_shopper_session", "read_shopper", "replace_shopper", "verify_shopper_phone"),
    *("give_shopper_consents", "export_shopper", "erase_shopper"),
}
"""A shopper's own, and signing in, which needs no credential; `tests/shoppers/test_sessions.py` attacks them."""
UNDONE_BY_A_STRANGER = {"create_order", "create_offer", "create_webhook_endpoint", "request_reconcile_run"}
"""A stranger may make things of their own; the victim's rows are what stays as it was."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    name: str
    method: str
    path: str

    @property
    def names_something(self) -> bool:
        """Whether its path holds an id."""
        return PARAMETER.search(self.path) is not None


def operations(app: FastAPI) -> list[Operation]:
    """Everything under /v1, in the document's order."""
    paths: Any = openapi_document(app)["paths"]
    return [
        Operation(operation["operationId"], method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def walked(tenants: Tenants) -> list[Operation]:
    found = operations(build_api(tenants.world.house))
    cases = CASES.keys() | BY_TOKEN.keys() | BY_SESSION
    assert {one.name for one in found} == cases, "an operation has no case, or a case none"
    return sorted((one for one in found if one.name in CASES), key=lambda one: list(CASES).index(one.name))


async def test_lists_go_on_for_nobody_but_their_merchant(tenants: Tenants) -> None:
    """A43: a cursor is bound to its merchant and its list."""
    listing = {one.path for one in walked(tenants) if one.method == "GET" and not one.names_something}
    no_cursor = {"/v1/ledger/days", "/v1/ledger/balances", "/v1/webhook_messages"}
    assert listing - no_cursor == tenants.cursors.keys(), "a list has no cursor to try"
    for path, cursor in tenants.cursors.items():
        for key in tenants.strangers.values():
            said = await tenants.ask(key, "GET", f"{path}?cursor={cursor}")
            assert (said.status, said.code) == (404, "not_found"), path
        for elsewhere in tenants.cursors.keys() - {path}:
            assert (await tenants.ask(tenants.world.api_key, "GET", f"{elsewhere}?cursor={cursor}")).status == 404
        own = await tenants.ask(tenants.world.api_key, "GET", f"{path}?limit=1&cursor={cursor}")
        assert own.status == 200, path
        assert own.json()["items"], path
    after = f"/v1/webhook_messages?after={tenants.ids['message_id']}"
    for key in tenants.strangers.values():
        assert (await tenants.ask(key, "GET", after)).status == 404
        said = await tenants.ask(key, "GET", f"/v1/reconcile/breaks?run={tenants.ids['run_id']}")
        assert said.json()["items"] == []
    assert (await tenants.ask(tenants.world.api_key, "GET", after)).json()["items"]
    own = await tenants.ask(tenants.world.api_key, "GET", f"/v1/reconcile/breaks?run={tenants.ids['run_id']}")
    assert own.json()["items"]


async def test_ids_in_a_body_are_the_callers_own_too(tenants: Tenants, module_urls: Urls) -> None:
    """A42: a stranger's own object, and the victim's id beside it."""
    world = tenants.world
    stranger = world.other_key
    assert (await tenants.ask(stranger, "POST", "/v1/webhook_endpoints", HOOK)).status == 201
    order = (await tenants.ask(stranger, "POST", "/v1/orders", ORDER)).json()
    assert (await tenants.ask(stranger, "POST", f"/v1/orders/{order['id']}/close")).status == 200
    await world.work()
    (message,) = (await tenants.ask(stranger, "GET", "/v1/webhook_messages")).json()["items"]
    replay = f"/v1/webhook_messages/{message['id']}/replay"
    before = await fingerprint(module_urls, tenants.merchant_id)
    for target, body in (
        (replay, {"endpoint_id": tenants.ids["endpoint_id"]}),
        (
            "/v1/reconcile/runs",
            {"channel": "wechatpay", "date": "2026-01-01", "account": tenants.ids["account_id"]},
        ),
    ):
        said = await tenants.ask(stranger, "POST", target, body)
        assert (said.status, said.code) == (404, "not_found"), target
    assert await fingerprint(module_urls, tenants.merchant_id) == before
    own = (await tenants.ask(stranger, "GET", "/v1/webhook_endpoints")).json()["items"][0]["id"]
    assert (await tenants.ask(stranger, "POST", replay, {"endpoint_id": own})).status == 200
    wish = {"channel": "wechatpay", "date": "2026-01-01", "account": tenants.ids["account_id"]}
    assert (await tenants.ask(world.api_key, "POST", "/v1/reconcile/runs", wish)).status == 201


async def test_an_idempotency_key_is_each_merchants_own(tenants: Tenants) -> None:
    """A43, A68: the same key at two merchants is two keys; neither sees the other's answer."""
    told = {**ORDER, "subject": "只给自己看"}
    first = await tenants.ask(tenants.world.api_key, "POST", "/v1/orders", told, "shared-key")
    again = await tenants.ask(tenants.world.api_key, "POST", "/v1/orders", told, "shared-key")
    assert (first.status, again.body) == (201, first.body)
    seen = {first.json()["id"]}
    for key in tenants.strangers.values():
        for body in (told, ORDER):
            said = await tenants.ask(key, "POST", "/v1/orders", body, "shared-key")
            if body is told:
                assert said.status == 201
                assert said.json()["id"] not in seen
                seen.add(said.json()["id"])
            else:
                assert (said.status, said.code) == (422, "idempotency_key_reused"), "its own first body counts"
    assert (await tenants.ask(tenants.world.api_key, "POST", "/v1/orders", told, "shared-key")).body == first.body


async def test_a_checkout_token_opens_its_own_order_only(tenants: Tenants, module_urls: Urls) -> None:
    """A40: a token names merchant and order; with either changed it opens nothing."""
    token, world = tenants.ids["checkout_token"], tenants.world
    other = (await world.order())["checkout_url"].rpartition("/")[2]
    foreign = (
        (await tenants.ask(world.other_key, "POST", "/v1/orders", ORDER)).json()["checkout_url"].rpartition("/")[2]
    )
    forged = [
        foreign[:26] + token[26:],  # another merchant
        token[:26] + other[26:52] + token[52:],  # another order
        token[:-22] + other[-22:],  # another order's tag
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        tenants.ids["order_id"],
    ]
    before = await fingerprint(module_urls, tenants.merchant_id)
    for wrong in forged:
        for method, path in (("GET", f"/v1/checkout/{wrong}"), ("POST", f"/v1/checkout/{wrong}/payments")):
            said = await tenants.ask("", method, path, {"method": "wechatpay/native"})
            assert said.status == 401, (path, said.body)
        assert (await world.page(f"/c/{wrong}")).status == 404
    assert await fingerprint(module_urls, tenants.merchant_id) == before
    own = await tenants.ask("", "GET", f"/v1/checkout/{token}")
    assert own.status == 200
    assert own.json()["order"]["id"] == tenants.ids["order_id"]
    assert (await world.page(f"/c/{token}")).status == 200


PRIVILEGED = ("merchant_id", "state", "status", "id", "order_id", "captured_minor", "refunded_minor", "is_live", "role")


async def test_every_body_refuses_members_that_are_not_the_callers(tenants: Tenants, module_urls: Urls) -> None:
    """A44: each POST with each privileged member beside a right body is refused and writes nothing."""
    posts = [one for one in walked(tenants) if one.method == "POST"]
    assert len(posts) >= 14
    before = await fingerprint(module_urls, tenants.merchant_id)
    for operation in posts:
        case = CASES[operation.name]
        for member in PRIVILEGED:
            body = {**case.body, member: "PAID"}
            said = await tenants.ask(tenants.world.api_key, "POST", tenants.filled(operation.path), body)
            assert (said.status, said.code) == (422, "invalid_field"), (operation.name, member, said.body)
            assert {"pointer": f"/{member}", "code": "unknown_field"} in said.json()["errors"], operation.name
    after = await fingerprint(module_urls, tenants.merchant_id)
    assert {name for name in after if after[name] != before[name]} <= {"shunfu.idempotency_keys"}, (
        "refusals are kept, no more"
    )


async def test_a_key_of_one_side_is_nothing_on_the_other(tenants: Tenants) -> None:
    """A47: the word test or live inside a key is not believed, and neither is the merchant that it names."""
    parts, other = tenants.world.api_key.split("_"), tenants.world.other_key.split("_")
    live = tenants.world.live_key.split("_")
    target = f"/v1/orders/{tenants.ids['order_id']}"
    for key in (
        "_".join(["sk", "live", *parts[2:]]),
        "_".join(["sk", "test", *live[2:]]),
        "_".join([*other[:2], parts[2], *other[3:]]),
        "_".join([*parts[:4], other[4]]),
    ):
        said = await tenants.ask(key, "GET", target)
        assert (said.status, said.code) == (401, "unauthenticated"), key[:8]
    assert (await tenants.ask(tenants.world.api_key, "GET", target)).status == 200


async def test_every_operation_refuses_what_is_anothers(tenants: Tenants, module_urls: Urls) -> None:
    """A40 to A42: with another organisation's key, and with the other side's, each id is not there."""
    before = await fingerprint(module_urls, tenants.merchant_id)
    wrong: list[str] = []
    tried = 0
    for operation in walked(tenants):
        case = CASES[operation.name]
        target = f"{tenants.filled(operation.path)}?{case.query}"
        for who, key in tenants.strangers.items():
            said = await tenants.ask(key, operation.method, target, case.body)
            tried += 1
            if operation.names_something and said.status not in {403, 404}:
                wrong.append(f"{operation.name} by {who}: {said.status}")
            if shown := tenants.betrayed(said.body):
                wrong.append(f"{operation.name} shows {who} {shown}")
            if not operation.names_something and said.status not in {200, 201, 404}:
                wrong.append(f"{operation.name} by {who}: {said.status} without an id")
    assert wrong == []
    assert tried == 2 * len(CASES)
    assert await fingerprint(module_urls, tenants.merchant_id) == before, "a stranger changed the victim's rows"
    for operation in walked(tenants):
        case = CASES[operation.name]
        key = tenants.approver if case.by == "approver" else tenants.world.api_key
        said = await tenants.ask(key, operation.method, f"{tenants.filled(operation.path)}?{case.query}", case.body)
        assert said.status == case.status, (operation.name, said.status, said.body)
