"""The books over HTTP: parse, use-case, render. They are only read: what is posted follows from payments."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from shunfu.db import Database
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.ledger.days import DAYS_MAX, LedgerDay
from shunfu.ledger.model import Balance
from shunfu.ledger.usecases import read_balances, read_days
from shunfu.merchants.api import CallerArgument

DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
FirstDay = Annotated[str, Query(alias="from", pattern=DAY, description="A day in China.", examples=["2026-11-01"])]
LastDay = Annotated[str, Query(alias="to", pattern=DAY, description="Included.", examples=["2026-11-30"])]
ChannelFilter = Annotated[str | None, Query(pattern=r"^[a-z0-9_]{1,32}$")]


class LedgerDayOut(BaseModel):
    """One day at one channel in one currency, in minor units."""

    day: str
    channel: str | None = Field(description="Null for what touched no channel.")
    currency: str
    captured_minor: int = Field(description="What shoppers paid for orders.")
    surplus_minor: int = Field(description="What came too often or too late.")
    refunded_minor: int = Field(description="What went back of orders' money.")
    surplus_refunded_minor: int = Field(description="What went back of surplus money.")
    over_refunded_minor: int = Field(description="What went back although nothing was left.")
    fees_minor: int = Field(description="What the channel kept.")
    settled_minor: int = Field(description="What the channel paid out.")
    held_minor: int = Field(description="By how much more the channel holds than the day before.")


class LedgerDays(BaseModel):
    """The days on which something moved, oldest first."""

    time_zone: Literal["Asia/Shanghai"] = "Asia/Shanghai"
    items: list[LedgerDayOut]


class BalanceOut(BaseModel):
    """An account's totals, and its balance on the side on which it grows."""

    code: str = Field(examples=["sales"])
    currency: str
    normal_side: Literal["debit", "credit"]
    debit_minor: int
    credit_minor: int
    balance_minor: int


class LedgerBalances(BaseModel):
    """Every account, by code and currency."""

    items: list[BalanceOut]


def make_router(database: Database, route_class: type[APIRoute]) -> APIRouter:
    """The /v1 routes of the books."""
    router = APIRouter(prefix="/v1/ledger", route_class=route_class, tags=["ledger"])

    @router.get("/days", operation_id="list_ledger_days")
    async def days(caller: CallerArgument, first: FirstDay, last: LastDay, channel: ChannelFilter = None) -> LedgerDays:
        """What was captured, refunded, kept and paid out on each day in China, at most 366 days at once."""
        caller.must("ledger:read")
        span = _span(first, last)
        async with database.reading() as reader:
            found = await read_days(reader, caller.merchant_id, *span, channel)
        return LedgerDays(items=[_day(day) for day in found])

    @router.get("/balances", operation_id="list_ledger_balances")
    async def balances(caller: CallerArgument) -> LedgerBalances:
        """Every account's totals, from its entries."""
        caller.must("ledger:read")
        async with database.reading() as reader:
            found = await read_balances(reader, caller.merchant_id)
        return LedgerBalances(items=[_balance(balance) for balance in found])

    return router


def _span(first: str, last: str) -> tuple[date, date]:
    begins, ends = _date("/from", first), _date("/to", last)
    if ends < begins:
        raise InvalidField(errors=(FieldError("/to", "too_small"),))
    if ends - begins >= timedelta(days=DAYS_MAX):
        raise InvalidField(errors=(FieldError("/to", "too_large"),))
    return begins, ends


def _date(pointer: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidField(errors=(FieldError(pointer, "bad_format"),)) from error


def _day(day: LedgerDay) -> LedgerDayOut:
    return LedgerDayOut(
        day=day.day.isoformat(),
        channel=day.channel or None,
        currency=day.currency,
        captured_minor=day.captured_minor,
        surplus_minor=day.surplus_minor,
        refunded_minor=day.refunded_minor,
        surplus_refunded_minor=day.surplus_refunded_minor,
        over_refunded_minor=day.over_refunded_minor,
        fees_minor=day.fees_minor,
        settled_minor=day.settled_minor,
        held_minor=day.held_minor,
    )


def _balance(balance: Balance) -> BalanceOut:
    return BalanceOut(
        code=balance.code,
        currency=balance.currency,
        normal_side=balance.normal_side,
        debit_minor=balance.debit_minor,
        credit_minor=balance.credit_minor,
        balance_minor=balance.balance_minor,
    )
