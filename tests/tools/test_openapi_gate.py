"""The API gate: what breaks a client is found, and what only grows is let through."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

import openapi_gate

OLD: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/v1/orders": {
            "post": {
                "parameters": [
                    {"in": "header", "name": "Idempotency-Key", "required": True, "schema": {"type": "string"}},
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 100}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewOrder"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                    "422": {"description": "refused"},
                },
            },
            "get": {"responses": {"200": {"description": "a list"}}},
        },
        "/v1/payments": {"get": {"responses": {"200": {"description": "a list"}}}},
    },
    "components": {
        "schemas": {
            "NewOrder": {
                "type": "object",
                "required": ["amount_minor"],
                "properties": {
                    "amount_minor": {"type": "integer", "minimum": 1, "maximum": 100},
                    "currency": {"enum": ["CNY", "JPY"]},
                    "subject": {"type": "string", "maxLength": 100},
                    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
                },
            },
            "Item": {"type": "object", "properties": {"name": {"type": "string"}}},
            "Order": {
                "type": "object",
                "required": ["id", "state"],
                "properties": {
                    "id": {"type": "string"},
                    "state": {"enum": ["OPEN", "PAID"]},
                    "paid_at": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "parent": {"$ref": "#/components/schemas/Order"},
                },
            },
        }
    },
}

POST = "POST /v1/orders"
Change = Callable[[dict[str, Any]], object]


def operation(document: dict[str, Any]) -> dict[str, Any]:
    return document["paths"]["/v1/orders"]["post"]


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    return document["components"]["schemas"][name]


def prop(document: dict[str, Any], name: str, key: str) -> dict[str, Any]:
    return schema(document, name)["properties"][key]


BREAKING: list[tuple[str, Change]] = [
    ("/v1/payments: path removed", lambda d: d["paths"].pop("/v1/payments")),
    ("GET /v1/orders: method removed", lambda d: d["paths"]["/v1/orders"].pop("get")),
    (f"{POST} 422: response code removed", lambda d: operation(d)["responses"].pop("422")),
    (f"{POST} query:limit: parameter removed", lambda d: operation(d)["parameters"].pop(1)),
    (
        f"{POST} query:limit: parameter is now required",
        lambda d: operation(d)["parameters"][1].update(required=True),
    ),
    (
        f"{POST} query:limit: maximum lowered from 100 to 50",
        lambda d: operation(d)["parameters"][1]["schema"].update(maximum=50),
    ),
    (
        f"{POST} query:shop: parameter is now required",
        lambda d: operation(d)["parameters"].append({"in": "query", "name": "shop", "required": True}),
    ),
    (f"{POST} body.currency: field is now required", lambda d: schema(d, "NewOrder")["required"].append("currency")),
    (f"{POST} body.subject: property removed", lambda d: schema(d, "NewOrder")["properties"].pop("subject")),
    (
        f"{POST} body.amount_minor: minimum raised from 1 to 2",
        lambda d: prop(d, "NewOrder", "amount_minor").update(minimum=2),
    ),
    (
        f"{POST} body.subject: pattern changed from none to x",
        lambda d: prop(d, "NewOrder", "subject").update(pattern="x"),
    ),
    (
        f"{POST} body.currency: enum value 'JPY' removed",
        lambda d: prop(d, "NewOrder", "currency").update(enum=["CNY"]),
    ),
    (
        f"{POST} body.subject: only certain values are allowed now",
        lambda d: prop(d, "NewOrder", "subject").update(enum=["a"]),
    ),
    (
        f"{POST} body.items[].name: type changed from string to integer",
        lambda d: prop(d, "Item", "name").update(type="integer"),
    ),
    (
        f"{POST} body: unknown fields are refused now",
        lambda d: schema(d, "NewOrder").update(additionalProperties=False),
    ),
    (f"{POST} 201.parent: property removed", lambda d: schema(d, "Order")["properties"].pop("parent")),
    (
        f"{POST} 201.id: type changed from string to integer",
        lambda d: prop(d, "Order", "id").update(type="integer"),
    ),
    (
        f"{POST} 201.id: type changed from string to null or string",
        lambda d: prop(d, "Order", "id").update(type=["string", "null"]),
    ),
    (f"{POST} 201.state: enum value 'PAID' removed", lambda d: prop(d, "Order", "state").update(enum=["OPEN"])),
    (f"{POST} 201.state: no longer always present", lambda d: schema(d, "Order")["required"].remove("state")),
    (f"{POST} 201.paid_at: variant null removed", lambda d: prop(d, "Order", "paid_at")["anyOf"].pop()),
    (
        f"{POST} 201.paid_at: variant integer added, which old clients cannot read",
        lambda d: prop(d, "Order", "paid_at")["anyOf"].append({"type": "integer"}),
    ),
    (
        f"{POST} 201: application/json removed",
        lambda d: operation(d)["responses"]["201"]["content"].pop("application/json"),
    ),
]

GROWING: list[tuple[str, Change]] = [
    ("a path", lambda d: d["paths"].update({"/v1/refunds": {"get": {"responses": {}}}})),
    ("a response code", lambda d: operation(d)["responses"].update({"409": {"description": "conflict"}})),
    ("an optional parameter", lambda d: operation(d)["parameters"].append({"in": "query", "name": "after"})),
    ("an optional field", lambda d: schema(d, "NewOrder")["properties"].update(note={"type": "string"})),
    ("a field no longer required", lambda d: schema(d, "NewOrder")["required"].clear()),
    ("a wider bound", lambda d: prop(d, "NewOrder", "amount_minor").update(maximum=1000)),
    ("a request enum value", lambda d: prop(d, "NewOrder", "currency")["enum"].append("KWD")),
    ("a response property", lambda d: schema(d, "Order")["properties"].update(note={"type": "string"})),
    ("a response enum value", lambda d: prop(d, "Order", "state")["enum"].append("CLOSED")),
    ("a description", lambda d: prop(d, "Order", "id").update(description="its id")),
    (
        "a property through allOf",
        lambda d: schema(d, "Order").update(allOf=[{"properties": {"id": {"type": "string"}}}]),
    ),
]


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(OLD)
    change(document)
    return document


@pytest.mark.parametrize(("sentence", "change"), BREAKING, ids=[sentence for sentence, _ in BREAKING])
def test_a_break_is_named(sentence: str, change: Change) -> None:
    assert sentence in openapi_gate.breaks(OLD, changed(change))


@pytest.mark.parametrize("change", [change for _, change in GROWING], ids=[what for what, _ in GROWING])
def test_growth_passes(change: Change) -> None:
    assert openapi_gate.breaks(OLD, changed(change)) == []


def test_the_same_document_breaks_nothing() -> None:
    assert openapi_gate.breaks(OLD, OLD) == []


def test_drift_and_a_missing_baseline_fail() -> None:
    text = openapi_gate.canonical(OLD)
    assert openapi_gate.problems(OLD, text, OLD) == []
    assert "make reference" in openapi_gate.problems(OLD, None, OLD)[0]
    assert "make reference" in openapi_gate.problems(OLD, json.dumps(OLD), OLD)[0]
    assert "baseline" in openapi_gate.problems(OLD, text, None)[0]
    grown = changed(GROWING[0][1])
    assert "breaks clients: /v1/refunds: path removed" in openapi_gate.problems(OLD, text, grown)
