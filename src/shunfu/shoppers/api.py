"""Shoppers over HTTP: sign in, the own profile, consents, a copy of everything, and its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from shunfu.kernel.caller import Caller
from shunfu.kernel.secret import Secret
from shunfu.merchants.api import CallerArgument
from shunfu.shoppers.model import ConsentKind, Shopper
from shunfu.shoppers.render import (
    read_profile_body,
    render_consents,
    render_export,
    render_session,
    render_shopper,
)
from shunfu.shoppers.schemas import (
    ConsentsIn,
    ConsentsOut,
    ExportOut,
    PhoneIn,
    PhoneOut,
    ProfileIn,
    SessionOut,
    ShopperOut,
    SignInIn,
)
from shunfu.shoppers.usecases import (
    ShopperTools,
    SignIn,
    end_session,
    erase_shopper,
    export_shopper,
    give_consents,
    last_method,
    read_consents,
    read_profile,
    replace_profile,
    sign_in,
    verify_phone,
)

PREFIX = "/v1/shoppers"
PHONE_PATH = f"{PREFIX}/me/phone"
"""The one POST whose stored answer tells of the shopper."""
Forget: TypeAlias = Callable[[Caller], Awaitable[None]]
"""Forgets the stored answers to a caller's requests; from the edge."""


async def _fresh(response: Response) -> None:
    """No answer about a person is kept on the way, and the edge keeps it only sealed."""
    response.headers["cache-control"] = "no-store"


def _shopper(request: Request) -> Shopper:
    """The shopper, recognised once at the edge; the caller's capability says that there is one."""
    return cast("Shopper", request.state.shopper)


@dataclass(frozen=True, slots=True)
class ShoppersApi:
    """What the routes need."""

    tools: ShopperTools
    forget: Forget


def make_router(api: ShoppersApi, route_class: type[APIRoute]) -> APIRouter:
    """The /v1/shoppers routes."""
    router = APIRouter(prefix=PREFIX, route_class=route_class, tags=["shoppers"], dependencies=[Depends(_fresh)])
    _add_sessions(router, api)
    _add_profile(router, api)
    _add_rights(router, api)
    return router


def _add_sessions(router: APIRouter, api: ShoppersApi) -> None:
    @router.post("/sessions", status_code=201, operation_id="sign_in_shopper")
    async def begin(caller: CallerArgument, body: SignInIn) -> SessionOut:
        """Exchange the platform's code for a short session of ours. No credential: the body names the merchant."""
        caller.must("shoppers:sign_in")
        return render_session(await sign_in(api.tools, SignIn(caller.merchant_id, body.channel, Secret(body.code))))

    @router.delete("/sessions/current", status_code=204, operation_id="end_shopper_session")
    async def end(caller: CallerArgument, request: Request) -> None:
        """End the session that this request shows."""
        caller.must("profile:read")
        await end_session(api.tools, _shopper(request))


def _add_profile(router: APIRouter, api: ShoppersApi) -> None:
    @router.get("/me", operation_id="read_shopper")
    async def read(caller: CallerArgument, request: Request) -> ShopperOut:
        """What the shopper lets us fill in, how they last paid, and what they consented to."""
        caller.must("profile:read")
        return await _rendered(api, _shopper(request))

    @router.put("/me", operation_id="replace_shopper")
    async def replace(caller: CallerArgument, request: Request, body: ProfileIn) -> ShopperOut:
        """Replace addresses, phone and invoices. A phone stays verified only while it is the same."""
        caller.must("profile:write")
        shopper = _shopper(request)
        await replace_profile(api.tools, shopper, read_profile_body(body))
        return await _rendered(api, shopper)

    @router.post("/me/phone", operation_id="verify_shopper_phone")
    async def verify(caller: CallerArgument, request: Request, body: PhoneIn) -> PhoneOut:
        """Take over the phone that the platform vouches for."""
        caller.must("profile:write")
        profile = await verify_phone(api.tools, _shopper(request), body.channel, Secret(body.proof))
        return PhoneOut(phone=cast("str", profile.phone), phone_is_verified=True)


def _add_rights(router: APIRouter, api: ShoppersApi) -> None:
    @router.put("/me/consents", operation_id="give_shopper_consents")
    async def consent(caller: CallerArgument, request: Request, body: ConsentsIn) -> ConsentsOut:
        """Give or take back consent. Every answer is kept with its time; the last one counts."""
        caller.must("profile:write")
        told: dict[ConsentKind, bool | None] = {"telemetry": body.telemetry, "personalisation": body.personalisation}
        wish: dict[ConsentKind, bool] = {kind: is_given for kind, is_given in told.items() if is_given is not None}
        return render_consents(await give_consents(api.tools, _shopper(request), wish))

    @router.get("/me/export", operation_id="export_shopper")
    async def export(caller: CallerArgument, request: Request) -> ExportOut:
        """A copy of everything that is kept about the shopper here."""
        caller.must("profile:read")
        return render_export(await export_shopper(api.tools, _shopper(request)))

    @router.delete("/me", status_code=204, operation_id="erase_shopper")
    async def erase(caller: CallerArgument, request: Request) -> None:
        """Erase the shopper: identities, profile, sessions. Orders and payments stay, as the law wants."""
        caller.must("profile:write")
        await erase_shopper(api.tools, _shopper(request))
        await api.forget(caller)


async def _rendered(api: ShoppersApi, shopper: Shopper) -> ShopperOut:
    merchant_id, shopper_id = shopper.merchant_id, shopper.shopper_id
    profile = await read_profile(api.tools, merchant_id, shopper_id)
    async with api.tools.database.glancing() as reader:
        consents = await read_consents(reader, merchant_id, shopper_id)
        method = await last_method(reader, merchant_id, shopper_id)
    return render_shopper(shopper, profile, consents, method)
