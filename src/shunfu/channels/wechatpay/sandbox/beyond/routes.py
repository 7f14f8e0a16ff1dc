"""The addresses beyond single payments: method, path, handler. Must not know: signatures."""

from __future__ import annotations

from shunfu.channels.wechatpay.sandbox.beyond import combined, complaints, sharing, transfers
from shunfu.channels.wechatpay.sandbox.routing import Route

ROUTES: tuple[Route, ...] = (*combined.ROUTES, *sharing.ROUTES, *transfers.ROUTES, *complaints.ROUTES)
