"""Every operation of the OpenAPI document is sent what the document allows and what it does not, by schemathesis.

No answer is a 5xx, and each conforms to the document: status, media type, headers and shape. Half of the requests name
things that exist, so that they come past the first lookup. The default run is the same each time; `SHUNFU_LONG=1`
draws three hundred requests an operation instead of a dozen, other ones each time.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from attacks.tenants import PARAMETER, Tenants, make_tenants
from attacks.test_tenants import operations
from flows.world import Said, call
from shoppers.support import Client
from shunfu.app.http.server import build_api, openapi_document
from shunfu.db import Database, PoolSettings, Urls
from shunfu.telemetry import api as telemetry_api

IS_LONG = os.environ.get("SHUNFU_LONG") == "1"
EXAMPLES = 300 if IS_LONG else 12
TAGS = (
    *("orders", "payments", "offers", "refunds", "reconcile", "ledger", "webhooks"),
    *("checkout", "shoppers", "telemetry"),
)
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
BASE = "http://127.0.0.1:8700"


@dataclass
class Range:
    """A shop to shoot at, with a loop of its own, because schemathesis does not wait for anything."""

    runner: asyncio.Runner
    tenants: Tenants
    document: dict[str, Any]
    statuses: Counter[int] = field(default_factory=Counter[int])

    def send(self, prepared: requests.PreparedRequest) -> Said:
        """One request as a server would hand it on: the path decoded, the query not."""
        path, _, query = str(prepared.path_url).partition("?")
        target = f"{unquote(path).replace('?', '%3F')}?{query}"
        body = prepared.body or b""
        raw = body.encode() if isinstance(body, str) else body
        said = self.runner.run(call(self.tenants.world.app, prepared.method or "", target, prepared.headers, raw))
        self.statuses[said.status] += 1
        self.tenants.world.clock.instant += timedelta(milliseconds=200)  # so that no limit is reached
        return said

    def credential(self, tags: list[str] | None) -> str:
        """The victim's key; a fresh session where shoppers ask, whose last one may just have been erased."""
        if "shoppers" not in (tags or ()):
            return self.tenants.world.api_key
        client = Client(self.tenants.world)
        self.runner.run(client.sign_in(f"shot-{self.tenants.world.keys_made}"))
        return client.token


@pytest.fixture(scope="module")
def shooting(module_urls: Urls, app_role: str | None) -> Iterator[Range]:
    with asyncio.Runner() as runner:
        database = runner.run(Database.connect(PoolSettings(module_urls.app_url, role=app_role)))
        tenants = runner.run(make_tenants(database))
        document: Any = openapi_document(build_api(tenants.world.house))
        yield Range(runner, tenants, document)
        runner.run(database.close())


@pytest.mark.parametrize("tag", TAGS)
def test_whatever_is_sent_the_answer_is_in_the_document(shooting: Range, tag: str) -> None:
    schema = schemathesis.openapi.from_dict(shooting.document)
    shot = [found.ok() for found in schema.get_all_operations() if tag in (found.ok().tags or ())]
    assert shot, "no operation has this tag"
    shooting.statuses.clear()
    for operation in shot:
        shoot(shooting, operation)
    assert sum(shooting.statuses.values()) >= EXAMPLES * len(shot) // 2
    assert 429 not in shooting.statuses
    assert any(status < 300 for status in shooting.statuses), "nothing came past the first check"
    assert any(400 <= status < 500 for status in shooting.statuses), "nothing was refused"


def shoot(shooting: Range, operation: Any) -> None:
    """One operation, with ids that exist and with any, with bodies that fit and with others."""
    names = PARAMETER.findall(operation.path)
    ids = {name: shooting.tenants.ids[name] for name in names}
    key = {"authorization": f"Bearer {shooting.credential(operation.tags)}"}
    ways = [
        operation.as_strategy(mode, **({"path_parameters": known} if known else {}))
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for known in ((ids, None) if names else (None,))
    ]

    @settings(
        max_examples=EXAMPLES,
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(ways))
    def once(case: Any) -> None:
        told = case.as_transport_kwargs(BASE)
        others = {name: value for name, value in told["headers"].items() if name.lower() != "authorization"}
        told["headers"] = others | key
        if operation.path == telemetry_api.PATH and isinstance(told.get("json"), dict):  # its credential is in there
            body = {name: value for name, value in told["json"].items() if name != "merchant"}
            told["json"] = body | {"checkout": shooting.tenants.ids["checkout_token"]}
        prepared = requests.Request(**{name: value for name, value in told.items() if value is not None}).prepare()
        said = shooting.send(prepared)
        headers = {name: [value] for name, value in said.headers.items()}
        answer = schemathesis.Response(said.status, headers, said.body, prepared, 0.0, verify=False)
        case.validate_response(answer, checks=CHECKS)

    once()


def test_every_operation_is_shot_at(shooting: Range) -> None:
    paths: Any = shooting.document["paths"]
    tags = {tag for methods in paths.values() for operation in methods.values() for tag in operation["tags"]}
    assert tags == set(TAGS)
    assert len(operations(build_api(shooting.tenants.world.house))) >= 35


def test_an_answer_that_is_not_in_the_document_is_seen(shooting: Range) -> None:
    """The control: the same checks complain of a 500 and of a body of another shape."""
    schema = schemathesis.openapi.from_dict(shooting.document)
    operation = schema["/v1/orders/{order_id}"]["GET"]
    case = operation.Case(path_parameters={"order_id": shooting.tenants.ids["order_id"]})
    prepared = requests.Request(**case.as_transport_kwargs(BASE)).prepare()
    for status, body in ((500, b"{}"), (200, b'{"id": 7}'), (404, b"not a problem")):
        answer = schemathesis.Response(
            status, {"content-type": ["application/json"]}, body, prepared, 0.0, verify=False
        )
        with pytest.raises((AssertionError, BaseExceptionGroup)):
            case.validate_response(answer, checks=CHECKS)
