"""Opened channel accounts: the channel, its parsed settings and its identity, ready for the driver.

Parsing keys costs milliseconds, so parsed settings are kept by account and envelope; a changed envelope is a new entry.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.driver import Registry
from shunfu.driver.registry import AnyChannel
from shunfu.gateway.port import Expiry, Identity, Scene
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import public
from shunfu.merchants import key_store, store
from shunfu.merchants.audit import COMMAND_LINE, AuditEntry, fingerprint
from shunfu.merchants.auditing import write_audit
from shunfu.merchants.envelope import Place
from shunfu.merchants.model import ChannelAccount, Merchant
from shunfu.merchants.vault import Vault

ACCOUNTS_IN_MEMORY = 1024
PURPOSE = "channel_credentials"


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """A channel account that can be used: `settings` is the channel's own type and is only handed to its verbs.

    `stand_in` is the shopper's id at a sandbox, where no real wallet can tell one; None at a real channel.
    `scenes` are those of the channel that its credentials open.
    """

    account_id: UUID
    channel: AnyChannel
    settings: object
    identity: Identity
    is_sandbox: bool
    sandbox_url: str | None = None
    stand_in: str | None = None
    scenes: tuple[Scene, ...] = ()

    def scene(self, name: str) -> Scene | None:
        """The scene of that name when the credentials open it, or None."""
        return next((scene for scene in self.scenes if scene.name == name), None)


@dataclass(frozen=True, slots=True)
class CredentialsEnd:
    """When an account's credentials were given, and when those end that carry a date."""

    account_id: UUID
    channel: str
    given_at: datetime
    dated: tuple[Expiry, ...]


@dataclass(frozen=True, slots=True)
class _Sealing:
    """What was done to an account's credentials, by whom: the envelopes before and after."""

    action: str
    actor: str
    account: ChannelAccount
    before: Mapping[str, object] | None
    after: Mapping[str, object]


class Accounts:
    """Opens channel accounts, one per process."""

    def __init__(self, registry: Registry, vault: Vault, source: Source) -> None:
        self._registry = registry
        self._vault = vault
        self._source = source
        self._opened: OrderedDict[tuple[UUID, UUID, str], OpenAccount] = OrderedDict()

    async def add(
        self,
        tx: Transaction,
        merchant: Merchant,
        channel_name: str,
        credentials: Mapping[str, str],
        *,
        actor: str = COMMAND_LINE,
    ) -> UUID:
        """Check credentials by loading them, seal and save them. Raises SetupFault with what is wrong."""
        is_sandbox = self._check(channel_name, credentials)
        if is_sandbox == (merchant.mode == "live"):
            raise SetupFault("A sandbox account belongs on a test side and a real account on a live side.")
        account_id = self._source.new_id()
        sealed = await self._seal(tx, merchant.merchant_id, account_id, credentials)
        account = ChannelAccount(account_id, channel_name, channel_name, is_sandbox, sealed)
        await store.add_channel_account(tx, merchant, account, self._source.now())
        await self._audit(tx, merchant.merchant_id, _Sealing("account.added", actor, account, None, sealed))
        return account_id

    async def replace(
        self,
        tx: Transaction,
        merchant_id: UUID,
        account_id: UUID,
        told: tuple[str, Mapping[str, str]],
        *,
        actor: str = COMMAND_LINE,
    ) -> None:
        """Seal other credentials for an account. `told` is (channel name, credentials). Raises SetupFault."""
        channel_name, credentials = told
        is_sandbox = self._check(channel_name, credentials)
        sealed = await self._seal(tx, merchant_id, account_id, credentials)
        before = await store.get_channel_account(tx, merchant_id, account_id)
        account = ChannelAccount(account_id, channel_name, channel_name, is_sandbox, sealed)
        is_ours = await store.replace_credentials(tx, merchant_id, account, self._source.now())
        if before is None or not is_ours:
            raise SetupFault("There is no such account, or it is another channel's or of the other side.")
        await self._audit(tx, merchant_id, _Sealing("account.replaced", actor, before, before.sealed, sealed))

    async def reseal(self, tx: Transaction, merchant_id: UUID) -> int:
        """Seal every account's credentials anew, under the data key that seals now; how many. They stay the same."""
        accounts = await key_store.lock_credentials(tx, merchant_id)
        for account in accounts:
            place = _place(merchant_id, account.account_id)
            plaintext = await self._vault.open(tx, place, account.sealed)
            sealed = await self._vault.seal(tx, place, PURPOSE, plaintext.reveal())
            await key_store.reseal_credentials(tx, merchant_id, account.account_id, sealed)
        return len(accounts)

    async def ends(self, reader: Reader, merchant_id: UUID) -> list[CredentialsEnd]:
        """When the credentials of accounts that take new payments were given, and the ends that they carry."""
        found: list[CredentialsEnd] = []
        for account, given_at in await key_store.list_credentials(reader, merchant_id):
            channel = self._registry.find(account.channel)
            if channel is None:
                continue  # its folder is missing: the account cannot be used, and `open` says so
            dated = channel.expiries(await self._credentials(reader, merchant_id, account))
            found.append(CredentialsEnd(account.account_id, account.channel, given_at, dated))
        return found

    async def _audit(self, tx: Transaction, merchant_id: UUID, done: _Sealing) -> None:
        """The sealed envelopes stand in the log as hashes, which a fresh nonce keeps apart; never the credentials."""
        before = fingerprint(cast("dict[str, Json]", done.before)) if done.before is not None else None
        after = fingerprint(cast("dict[str, Json]", done.after))
        detail = {"channel": done.account.channel, "is_sandbox": done.account.is_sandbox}
        account_id = public("acc", done.account.account_id)
        await write_audit(
            tx, self._source, AuditEntry(merchant_id, done.actor, done.action, account_id, before, after, detail)
        )

    @property
    def channel_names(self) -> list[str]:
        """The channels of this installation, by name."""
        return sorted(self._registry.channels)

    def channel(self, name: str) -> AnyChannel | None:
        """The channel of that name, or None when its folder is missing."""
        return self._registry.find(name)

    def _check(self, channel_name: str, credentials: Mapping[str, str]) -> bool:
        """Whether the credentials, which must load, are a sandbox's."""
        channel = self._registry.find(channel_name)
        if channel is None:
            raise SetupFault(f"There is no channel {channel_name!r}; known: {', '.join(self._registry.channels)}.")
        try:
            return channel.sandbox_url(channel.load(credentials)) is not None
        except ValueError as error:
            raise SetupFault(f"The credentials for {channel_name} cannot be used: {error}") from error

    async def _seal(
        self, tx: Transaction, merchant_id: UUID, account_id: UUID, credentials: Mapping[str, str]
    ) -> dict[str, str | int]:
        plaintext = json.dumps(dict(credentials), sort_keys=True).encode()
        return await self._vault.seal(tx, _place(merchant_id, account_id), PURPOSE, plaintext)

    async def open(self, reader: Reader, merchant_id: UUID, account_id: UUID) -> OpenAccount | None:
        """One account by id, disabled ones too, or None."""
        account = await store.get_channel_account(reader, merchant_id, account_id)
        return await self._open(reader, merchant_id, account) if account else None

    async def usable(self, reader: Reader, merchant_id: UUID) -> list[OpenAccount]:
        """The accounts that may take new payments, oldest first, at most one a channel: the first."""
        by_channel: dict[str, ChannelAccount] = {}
        for account in await store.list_channel_accounts(reader, merchant_id):
            by_channel.setdefault(account.channel, account)
        return [await self._open(reader, merchant_id, account) for account in by_channel.values()]

    async def named(self, reader: Reader, merchant_id: UUID) -> list[tuple[UUID, str]]:
        """Every account as (id, channel), unopened; disabled ones last, oldest first."""
        return await store.name_channel_accounts(reader, merchant_id)

    async def for_method(self, reader: Reader, merchant_id: UUID, method: str) -> tuple[OpenAccount, Scene] | None:
        """The account and scene behind `channel/scene`, or None when this merchant cannot take it."""
        channel_name, _, scene_name = method.partition("/")
        for account in await self.usable(reader, merchant_id):
            scene = account.scene(scene_name)
            if account.channel.name == channel_name and scene is not None:
                return account, scene
        return None

    async def _open(self, reader: Reader, merchant_id: UUID, account: ChannelAccount) -> OpenAccount:
        cache_key = (merchant_id, account.account_id, str(account.sealed.get("n")))
        opened = self._opened.get(cache_key)
        if opened is None:
            opened = await self._parse(reader, merchant_id, account)
            self._opened[cache_key] = opened
            if len(self._opened) > ACCOUNTS_IN_MEMORY:
                self._opened.popitem(last=False)
        return opened

    async def _parse(self, reader: Reader, merchant_id: UUID, account: ChannelAccount) -> OpenAccount:
        channel = self._registry.find(account.channel)
        if channel is None:
            raise SetupFault(f"The folder of channel {account.channel!r} is missing from this installation.")
        settings = cast("object", channel.load(await self._credentials(reader, merchant_id, account)))
        url, identity = channel.sandbox_url(settings), channel.identity(settings)
        stand_in = self._registry.sandboxes[channel.name].shopper if url is not None else None
        scenes = channel.scenes_of(settings)
        return OpenAccount(account.account_id, channel, settings, identity, url is not None, url, stand_in, scenes)

    async def _credentials(self, reader: Reader, merchant_id: UUID, account: ChannelAccount) -> dict[str, str]:
        plaintext = await self._vault.open(reader, _place(merchant_id, account.account_id), account.sealed)
        return cast("dict[str, str]", json.loads(plaintext.reveal()))


def _place(merchant_id: UUID, account_id: UUID) -> Place:
    return Place(merchant_id, "channel_accounts", "sealed", account_id)
