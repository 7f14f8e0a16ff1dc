"""Register, read, enable and disable endpoints, and change their secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.gateway.wire import Json
from shunfu.kernel.errors import FieldError, InvalidField, NotFoundHere, StateConflict
from shunfu.kernel.ids import public
from shunfu.kernel.secret import Secret
from shunfu.merchants import COMMAND_LINE, AuditEntry, fingerprint, write_audit
from shunfu.webhooks import store
from shunfu.webhooks.addresses import check_url
from shunfu.webhooks.model import (
    ENDPOINTS_MAX,
    EVERY_TYPE,
    SECRETS_MAX,
    Endpoint,
    EndpointState,
    disable,
    enable,
    rotate,
)
from shunfu.webhooks.signing import write_secret
from shunfu.webhooks.store import Where
from shunfu.webhooks.usecases.secrets import make_secret, open_secret
from shunfu.webhooks.usecases.tools import WebhookTools, merchant_of

SHOWN_ONCE = "The secret that this request made has ended; rotate it to get a new one."


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What a merchant asks for, and who asks. `endpoint_id` is the id it gets; a retry brings the same one."""

    merchant_id: UUID
    endpoint_id: UUID
    url: str
    event_types: tuple[str, ...]
    description: str
    actor: str = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A wish for a new secret; the others sign on for `overlap`. A retry brings the same `secret_id`."""

    where: Where
    secret_id: UUID
    overlap: timedelta
    actor: str = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Shown:
    """An endpoint with a secret in the form in which it is shown, this once."""

    endpoint: Endpoint
    secret: Secret[str]


async def create_endpoint(tools: WebhookTools, wish: NewEndpoint) -> Shown:
    """Register an endpoint with its first secret. Raises InvalidField, and StateConflict when there are too many."""

    async def story(tx: Transaction) -> Shown:
        merchant = await merchant_of(tx, wish.merchant_id)
        _require_valid(tools, wish, may_be_private=tools.may_be_private(merchant))
        await _require_room(tx, wish)
        where, now = (wish.merchant_id, wish.endpoint_id), tools.now()
        endpoint = Endpoint(
            merchant_id=wish.merchant_id,
            endpoint_id=wish.endpoint_id,
            url=wish.url,
            event_types=wish.event_types,
            description=wish.description,
            state=EndpointState.ENABLED,
            secrets=(await make_secret(tools, tx, where, (wish.endpoint_id, now)),),
            created_at=now,
        )
        if await store.add_endpoint(tx, endpoint):
            await _note(tools, tx, (None, endpoint), wish.actor, "endpoint.created")
        else:
            endpoint = await _found(tx, where)
        return await _shown(tools, tx, endpoint, wish.endpoint_id)

    return await tools.database.transact(story)


async def rotate_secret(tools: WebhookTools, wish: NewSecret) -> Shown:
    """Give an endpoint a new secret. Raises NotFoundHere, and StateConflict when too many sign already."""

    async def story(tx: Transaction) -> Shown:
        endpoint = await _locked(tx, wish.where)
        if endpoint.secret(wish.secret_id) is None:
            now = tools.now()
            fresh = await make_secret(tools, tx, wish.where, (wish.secret_id, now))
            before, endpoint = endpoint, rotate(endpoint, fresh, wish.overlap)
            if len(endpoint.secrets) > SECRETS_MAX:
                raise StateConflict(f"{SECRETS_MAX} secrets sign already; rotate with old_valid_seconds 0 to end them.")
            await store.save_endpoint(tx, endpoint, now)
            await _note(tools, tx, (before, endpoint), wish.actor, "endpoint.secret_rotated")
        return await _shown(tools, tx, endpoint, wish.secret_id)

    return await tools.database.transact(story)


async def enable_endpoint(tools: WebhookTools, where: Where, *, actor: str = COMMAND_LINE) -> Endpoint:
    """Switch an endpoint on; what waited for it goes on. Raises NotFoundHere, StateConflict when there are too many."""

    async def story(tx: Transaction) -> Endpoint:
        endpoint = await _locked(tx, where)
        if endpoint.is_enabled:
            return endpoint
        if len(await store.list_enabled(tx, where[0])) >= ENDPOINTS_MAX:
            raise _too_many()
        switched = enable(endpoint)
        await store.save_endpoint(tx, switched, tools.now())
        await store.resume_deliveries(tx, where, tools.now())
        await tools.wake(tx, *where)
        await _note(tools, tx, (endpoint, switched), actor, "endpoint.enabled")
        return switched

    return await tools.database.transact(story)


async def disable_endpoint(tools: WebhookTools, where: Where, *, actor: str = COMMAND_LINE) -> Endpoint:
    """Switch an endpoint off: nothing is sent, and new messages are not kept for it. Raises NotFoundHere."""

    async def story(tx: Transaction) -> Endpoint:
        endpoint = await _locked(tx, where)
        if not endpoint.is_enabled:
            return endpoint
        switched = disable(endpoint, "asked", tools.now())
        await store.save_endpoint(tx, switched, tools.now())
        await _note(tools, tx, (endpoint, switched), actor, "endpoint.disabled")
        return switched

    return await tools.database.transact(story)


async def read_endpoint(tools: WebhookTools, where: Where) -> Endpoint:
    """One endpoint. Raises NotFoundHere."""
    async with tools.database.glancing() as reader:
        return await _found(reader, where)


async def list_endpoints(tools: WebhookTools, merchant_id: UUID, before: UUID, limit: int) -> Sequence[Endpoint]:
    """Endpoints with an id below `before`, newest first."""
    async with tools.database.glancing() as reader:
        return await store.list_endpoints(reader, merchant_id, before, limit)


async def _note(
    tools: WebhookTools, tx: Transaction, change: tuple[Endpoint | None, Endpoint], actor: str, action: str
) -> None:
    """Who changed an endpoint stands in the audit log, with what it was and what it is."""
    before, after = change
    endpoint_id = public("whk", after.endpoint_id)
    was, is_now = _state_of(before) if before else None, _state_of(after)
    await write_audit(tx, tools.source, AuditEntry(after.merchant_id, actor, action, endpoint_id, was, is_now))


def _state_of(endpoint: Endpoint) -> bytes:
    secrets = [f"{kept.secret_id} {kept.ends_at}" for kept in endpoint.secrets]
    types = " ".join(endpoint.event_types)
    told: dict[str, Json] = {"url": endpoint.url, "types": types, "state": endpoint.state.value}
    return fingerprint(told | {"secrets": " ".join(secrets)})


def _require_valid(tools: WebhookTools, wish: NewEndpoint, *, may_be_private: bool) -> None:
    problem = check_url(wish.url, may_be_private=may_be_private)
    errors = [FieldError("/url", problem)] if problem else []
    known = tools.event_types | {EVERY_TYPE}
    errors += [
        FieldError(f"/event_types/{index}", "not_known")
        for index, event_type in enumerate(wish.event_types)
        if event_type not in known
    ]
    if errors:
        raise InvalidField(errors=tuple(errors))


async def _require_room(tx: Transaction, wish: NewEndpoint) -> None:
    others = [one for one in await store.list_enabled(tx, wish.merchant_id) if one.endpoint_id != wish.endpoint_id]
    if len(others) >= ENDPOINTS_MAX:
        raise _too_many()


def _too_many() -> StateConflict:
    return StateConflict(f"At most {ENDPOINTS_MAX} endpoints can be enabled; disable one first.")


async def _shown(tools: WebhookTools, tx: Transaction, endpoint: Endpoint, secret_id: UUID) -> Shown:
    kept = endpoint.secret(secret_id)
    if kept is None:
        raise StateConflict(SHOWN_ONCE)
    key = await open_secret(tools, tx, (endpoint.merchant_id, endpoint.endpoint_id), kept)
    return Shown(endpoint, write_secret(key))


async def _found(reader: Reader, where: Where) -> Endpoint:
    endpoint = await store.get_endpoint(reader, where)
    if endpoint is None:
        raise NotFoundHere
    return endpoint


async def _locked(tx: Transaction, where: Where) -> Endpoint:
    endpoint = await store.lock_endpoint(tx, where)
    if endpoint is None:
        raise NotFoundHere
    return endpoint
