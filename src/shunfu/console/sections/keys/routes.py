"""Keys over HTTP: API keys issued and taken back, channel accounts added and given other credentials."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, cast
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, page, shown
from shunfu.console.forms import is_line
from shunfu.console.kit import Frame, MenuEntry
from shunfu.console.sections.keys.page import (
    GRANTABLE,
    LIVES,
    PATH,
    AccountKeys,
    Rings,
    render_account,
    render_key,
    render_keys,
    render_new_key,
)
from shunfu.console.usecases import look_at_signers
from shunfu.db import Reader, Transaction
from shunfu.kernel.errors import FieldError, InvalidField, NotFoundHere, SetupFault
from shunfu.kernel.ids import public
from shunfu.kernel.secret import Secret
from shunfu.merchants import (
    KeyExpiry,
    ListedKey,
    Merchant,
    NewKey,
    OpenAccount,
    get_merchant,
    issue_api_key,
    list_api_keys,
    revoke_api_key_by_id,
)
from shunfu.merchants.api import path_id

Story: TypeAlias = Callable[[Transaction], Awaitable[UUID]]
READ = frozenset({"keys:read"})
CREDENTIAL_COUNT_MAX = 40


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of keys."""
    _add_reading(router, tools)
    _add_api_keys(router, tools)
    _add_accounts(router, tools)


SECTION = Section(MenuEntry("keys", PATH, "console.keys", "key", READ, "console.group.setup"), add_routes)


def _add_reading(router: APIRouter, tools: ConsoleTools) -> None:
    database = tools.payments.database

    @router.get("/keys")
    async def keys(request: Request) -> Response:
        """API keys, channel accounts, and what ends soonest."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            async with database.reading() as reader:
                rings = Rings(
                    await list_api_keys(reader, merchant_id),
                    await tools.accounts.usable(reader, merchant_id),
                    await tools.expiries(reader, merchant_id),
                    tools.accounts.channel_names,
                    tools.payments.now(),
                )
            return render_keys(frame, rings, tools.label)

        return await shown(tools, request, READ, draw)

    @router.get("/keys/{key_id}")
    async def key(request: Request, key_id: str) -> Response:
        """One API key."""

        async def draw(_: Request, frame: Frame) -> str:
            async with database.reading() as reader:
                found = await _key(reader, frame.visitor.caller.merchant_id, path_id("key", key_id))
            return render_key(frame, found, tools.payments.now())

        return await shown(tools, request, READ, draw)

    @router.get("/keys/accounts/{account_id}")
    async def account(request: Request, account_id: str) -> Response:
        """One channel account and the ends of its keys."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id, wanted = frame.visitor.caller.merchant_id, path_id("acc", account_id)
            async with database.reading() as reader:
                found = await _account(tools, reader, merchant_id, wanted)
                expiries = await tools.expiries(reader, merchant_id)
            signers = await look_at_signers(database, merchant_id, wanted, tools.payments.now())
            keys = AccountKeys(found, _of(expiries, public("acc", wanted)), signers)
            return render_account(frame, keys, tools.label)

        return await shown(tools, request, READ, draw)


def _add_api_keys(router: APIRouter, tools: ConsoleTools) -> None:
    @router.post("/keys")
    async def issue(request: Request) -> Response:
        """Make an API key that may do no more than its maker, and never approves; show it this once."""

        async def act(asked: Asked) -> Response:
            caller, fields = asked.visitor.caller, asked.fields
            label, days = fields.get("label", "").strip(), fields.get("days", "")
            capabilities = frozenset(fields.get("capabilities", "").split())
            is_known = bool(capabilities) and capabilities <= GRANTABLE & caller.capabilities
            if not is_line(label, 60) or days not in {str(life) for life in LIVES} or not is_known:
                raise InvalidField(errors=(FieldError("/capabilities", "not_valid"),))
            wish = NewKey(label, capabilities, caller.subject, int(days))

            async def story(tx: Transaction) -> Secret[str]:
                merchant = await _merchant(tx, caller.merchant_id)
                return await issue_api_key(tx, tools.payments.source, merchant, wish)

            secret = await tools.payments.database.transact(story)
            return page(render_new_key(asked.frame(tools), label, secret), 201)

        return await acted(tools, request, Guard("keys:write", PATH, is_grave=True), act)

    @router.post("/keys/{key_id}/revoke")
    async def revoke(request: Request, key_id: str) -> Response:
        """Take an API key back at once."""

        async def act(asked: Asked) -> Done:
            caller = asked.visitor.caller
            key = caller.merchant_id, path_id("key", key_id)

            async def story(tx: Transaction) -> None:
                if not await revoke_api_key_by_id(tx, tools.payments.source, key, actor=caller.subject):
                    raise NotFoundHere

            await tools.payments.database.transact(story)
            return Done(f"{PATH}/{key_id}", "key_revoked")

        return await acted(tools, request, Guard("keys:write", f"{PATH}/{key_id}", is_grave=True), act)


def _add_accounts(router: APIRouter, tools: ConsoleTools) -> None:
    @router.post("/keys/accounts")
    async def add(request: Request) -> Response:
        """Add an account at a channel."""

        async def act(asked: Asked) -> Done:
            caller = asked.visitor.caller
            channel, credentials = asked.fields.get("channel", ""), read_credentials(asked.fields.get("credentials"))

            async def story(tx: Transaction) -> UUID:
                merchant = await _merchant(tx, caller.merchant_id)
                return await tools.accounts.add(tx, merchant, channel, credentials, actor=caller.subject)

            account_id = await _set_up(tools, story)
            return Done(f"{PATH}/accounts/{public('acc', account_id)}", "account_added")

        return await acted(tools, request, Guard("keys:write", PATH, is_grave=True), act)

    @router.post("/keys/accounts/{account_id}/replace")
    async def replace(request: Request, account_id: str) -> Response:
        """Give an account other credentials."""
        back = f"{PATH}/accounts/{account_id}"

        async def act(asked: Asked) -> Done:
            caller, wanted = asked.visitor.caller, path_id("acc", account_id)
            credentials = read_credentials(asked.fields.get("credentials"))

            async def story(tx: Transaction) -> UUID:
                account = await _account(tools, tx, caller.merchant_id, wanted)
                told = account.channel.name, credentials
                await tools.accounts.replace(tx, caller.merchant_id, wanted, told, actor=caller.subject)
                return wanted

            await _set_up(tools, story)
            return Done(back, "credentials_replaced")

        return await acted(tools, request, Guard("keys:write", back, is_grave=True), act)


async def _set_up(tools: ConsoleTools, story: Story) -> UUID:
    """Run what takes credentials; those that do not load are a field that is not valid."""
    try:
        return await tools.payments.database.transact(story)
    except SetupFault as fault:
        raise InvalidField(str(fault), errors=(FieldError("/credentials", "not_valid"),)) from fault


def read_credentials(text: str | None) -> Mapping[str, str]:
    """The JSON object of texts that was pasted. Raises InvalidField."""
    try:
        told: object = json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise InvalidField(errors=(FieldError("/credentials", "bad_format"),)) from error
    if not isinstance(told, dict) or not 0 < len(told) <= CREDENTIAL_COUNT_MAX:  # pyright: ignore[reportUnknownArgumentType]
        raise InvalidField(errors=(FieldError("/credentials", "bad_format"),))
    found = cast("dict[object, object]", told)
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in found.items()):
        raise InvalidField(errors=(FieldError("/credentials", "bad_format"),))
    return cast("dict[str, str]", found)


async def _merchant(reader: Reader, merchant_id: UUID) -> Merchant:
    merchant = await get_merchant(reader, merchant_id)
    assert merchant is not None, "whoever has logged in works for a merchant that there is"
    return merchant


async def _key(reader: Reader, merchant_id: UUID, key_id: UUID) -> ListedKey:
    for key in await list_api_keys(reader, merchant_id):
        if key.key_id == key_id:
            return key
    raise NotFoundHere


async def _account(tools: ConsoleTools, reader: Reader, merchant_id: UUID, account_id: UUID) -> OpenAccount:
    found = await tools.accounts.open(reader, merchant_id, account_id)
    if found is None:
        raise NotFoundHere
    return found


def _of(expiries: tuple[KeyExpiry, ...], subject: str) -> list[KeyExpiry]:
    return [one for one in expiries if one.subject == subject]
