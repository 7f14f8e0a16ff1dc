"""Who asks: an API key, a checkout token, a shopper's session, or a guest where guests are let in. Once a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from fastapi import Request

from shunfu.db import Database
from shunfu.kernel.caller import Caller
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.ids import parse_public
from shunfu.kernel.signing import Signer
from shunfu.merchants import get_merchant, identify, identify_checkout
from shunfu.shoppers import SCHEME, identify_shopper, recognise_shopper

SHOPPER_HEADER = "shunfu-shopper"
"""At the checkout the token in the path is the credential; who the shopper is comes beside it."""
SIGN_IN_PATH = "/v1/shoppers/sessions"
GUESTS: Mapping[str, frozenset[str]] = {SIGN_IN_PATH: frozenset({"shoppers:sign_in"})}
"""Where a POST needs no credential, and what a guest may do there; its body names the merchant."""


class Identifier:
    """Turns a request into its caller. What else it learns is in the request's state: `order_id`, `shopper`."""

    def __init__(self, database: Database, source: Source, signer: Signer) -> None:
        self._database = database
        self._source = source
        self._signer = signer

    async def identify(self, request: Request) -> Caller:
        """The caller. Raises Unauthenticated, or InvalidField for a guest who names no merchant of ours."""
        token = request.path_params.get("checkout_token")
        if token is not None:
            return await self._at_checkout(request, token)
        allowed = GUESTS.get(request.scope["path"])
        if allowed is not None and request.method == "POST":
            return await self._guest(await request.json(), allowed)
        authorization = request.headers.get("authorization")
        scheme, _, text = (authorization or "").partition(" ")
        async with self._database.glancing() as reader:
            if scheme.lower() != "bearer" or not text.strip().startswith(SCHEME):
                return await identify(reader, authorization, self._source.now())
            caller, request.state.shopper = await identify_shopper(reader, text.strip(), self._source.now())
            return caller

    async def _at_checkout(self, request: Request, token: str) -> Caller:
        """A session that is none, has ended or is another merchant's makes nobody of the visitor; it is no error."""
        caller, request.state.order_id = identify_checkout(self._signer, token, self._source.now())
        request.state.shopper = None
        told = request.headers.get(SHOPPER_HEADER)
        if told is not None:
            async with self._database.glancing() as reader:
                request.state.shopper = await recognise_shopper(reader, told, caller.merchant_id, self._source.now())
        return caller

    async def _guest(self, body: object, allowed: frozenset[str]) -> Caller:
        told = cast("dict[str, object]", body).get("merchant") if isinstance(body, dict) else None
        merchant_id = parse_public("mer", told) if isinstance(told, str) else None
        if merchant_id is not None:
            async with self._database.glancing() as reader:
                merchant = await get_merchant(reader, merchant_id)
            if merchant is not None:
                return Caller(merchant_id, "guest", "guest", allowed, merchant.mode == "live")
        raise InvalidField(errors=(FieldError("/merchant", "required" if told is None else "not_found"),))
