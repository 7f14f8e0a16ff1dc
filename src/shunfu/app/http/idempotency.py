"""Every POST under /v1 happens once: same key and body, the same answer byte for byte.

The row is in flight with a lease before the use-case runs. What the use-case makes has the row's `resource_id`, so a
retry after a crash finds the same payment and the same channel number. An answer that itself says `no-store` holds a
secret, and is kept sealed. Source: house rules, Style 5.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from starlette.responses import Response

from shunfu.db import Database, Record, Transaction, named_queries
from shunfu.kernel.caller import Caller
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import IdempotencyKeyMissing, IdempotencyKeyReused, NotFoundHere, RequestInFlight
from shunfu.merchants import Place, Vault

SQL = named_queries("shunfu.app")
LEASE = timedelta(seconds=60)
KEY = re.compile(r"[\x21-\x7e]{1,64}")
PATH_CHARACTERS_MAX = 256
NOT_STORED = frozenset({401, 429})
"""Statuses that are not final; 5xx and "in flight" are not either."""
NO_STORE = {"cache-control": "no-store"}
SEALED = "sealed "
"""Before the media type of an answer whose body is kept in an envelope."""
PURPOSE = "idempotent_answers"


@dataclass(frozen=True, slots=True)
class Scope:
    """What an idempotency key is unique in."""

    merchant_id: UUID
    method: str
    path: str
    key: str

    def columns(self) -> tuple[UUID, str, str, str]:
        """The primary key."""
        return self.merchant_id, self.method, self.path, self.key


def scope_of(caller: Caller, path: str, key: str, body: bytes = b"") -> Scope:
    """The scope of a POST. All of a merchant's shoppers ask at the same addresses, so each has a scope of its own.

    Guests are told apart by what they send: a key that one has used is no hindrance to another.
    """
    own = {"shopper": f"#{caller.subject}", "guest": f"#{hashlib.sha256(body).hexdigest()}"}.get(caller.kind, "")
    return Scope(caller.merchant_id, "POST", f"{path}{own}", key)


class Idempotency:
    """Runs a request once and repeats its answer."""

    def __init__(self, database: Database, source: Source, vault: Vault) -> None:
        self._database = database
        self._source = source
        self._vault = vault

    async def once(self, scope: Scope, body: bytes, work: Callable[[UUID], Awaitable[Response]]) -> Response:
        """Run `work(resource_id)` unless it was done before.

        Raises IdempotencyKeyMissing, IdempotencyKeyReused (other body) or RequestInFlight.
        """
        if KEY.fullmatch(scope.key) is None:
            raise IdempotencyKeyMissing
        if len(scope.path) > PATH_CHARACTERS_MAX or not scope.path.isprintable():
            raise NotFoundHere
        digest = hashlib.sha256(body).digest()
        lease_token = self._source.new_id()
        begun = await self._begin(scope, digest, lease_token)
        if isinstance(begun, Response):
            return begun
        try:
            response = await work(begun)
        except Exception:
            await self._release(scope, lease_token)
            raise
        await self._finish(scope, (begun, lease_token), response)
        return response

    async def forget(self, caller: Caller, path: str) -> None:
        """Delete the stored answers to a shopper's POSTs at one address: they tell of who was just erased."""
        assert caller.kind == "shopper", "nobody else's scope is their own"
        scope = scope_of(caller, path, "")
        await self._database.single(SQL["forget_requests"], scope.merchant_id, scope.method, scope.path)

    async def _begin(self, scope: Scope, digest: bytes, lease_token: UUID) -> UUID | Response:
        now = self._source.now()
        fresh_id = self._source.new_id()
        rows = await self._database.single(
            SQL["begin_request"], *scope.columns(), digest, fresh_id, lease_token, now + LEASE, now
        )
        if not rows:
            raise RequestInFlight  # the row was committed after our statement began: it is in flight right now
        row = rows[0]
        if row["is_new"]:
            return row["resource_id"]
        if row["body_sha256"] != digest:
            raise IdempotencyKeyReused
        if row["status"] is not None:
            return await self._repeated(scope, row)
        return await self._take_over(scope, row["resource_id"], lease_token, now)

    async def _take_over(self, scope: Scope, resource_id: UUID, lease_token: UUID, now: datetime) -> UUID:
        async def story(tx: Transaction) -> int:
            return await tx.execute(SQL["take_over_request"], *scope.columns(), lease_token, now + LEASE, now)

        if await self._database.transact(story) != 1:
            raise RequestInFlight
        return resource_id

    async def _repeated(self, scope: Scope, row: Record) -> Response:
        """The answer as it was given the first time."""
        media_type = str(row["media_type"])
        if not media_type.startswith(SEALED):
            return Response(row["body"], row["status"], media_type=media_type)
        place = _place(scope, row["resource_id"])
        async with self._database.glancing() as reader:
            body = await self._vault.open(reader, place, json.loads(row["body"]))
        return Response(body.reveal(), row["status"], NO_STORE, media_type.removeprefix(SEALED))

    async def _sealed(self, scope: Scope, resource_id: UUID, body: bytes) -> bytes:
        async def story(tx: Transaction) -> dict[str, str | int]:
            return await self._vault.seal(tx, _place(scope, resource_id), PURPOSE, body)

        return json.dumps(await self._database.transact(story)).encode()

    async def _finish(self, scope: Scope, begun: tuple[UUID, UUID], response: Response) -> None:
        """Store a final answer; `begun` is the resource's id and the lease.

        Raises RequestInFlight when the lease was lost meanwhile: whoever has it gives the one answer.
        """
        resource_id, lease_token = begun
        is_final = response.status_code < 500 and response.status_code not in NOT_STORED
        is_final = is_final and b'"/problems/request_in_flight"' not in response.body[:200]
        media_type = response.headers.get("content-type", "application/json")
        if is_final:
            body = bytes(response.body)
            if response.headers.get("cache-control") == NO_STORE["cache-control"]:
                media_type, body = SEALED + media_type, await self._sealed(scope, resource_id, body)
            answer = (response.status_code, media_type, body)
            if not await self._database.single(SQL["finish_request"], *scope.columns(), lease_token, *answer):
                raise RequestInFlight
        else:
            await self._release(scope, lease_token)

    async def _release(self, scope: Scope, lease_token: UUID) -> None:
        await self._database.single(SQL["release_request"], *scope.columns(), lease_token, self._source.now())


def _place(scope: Scope, resource_id: UUID) -> Place:
    return Place(scope.merchant_id, "idempotency_keys", "body", resource_id)


async def delete_old(database: Database, merchant_id: UUID, before: datetime) -> int:
    """End the retention of rows made before an instant."""
    total = 0
    for _ in range(100):
        deleted = await database.transact(lambda tx: tx.execute(SQL["delete_old_requests"], merchant_id, before))
        total += deleted
        if deleted < 1000:
            break
    return total
