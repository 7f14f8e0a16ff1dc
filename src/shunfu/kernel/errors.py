"""The tree of everything that can go wrong.

    ShunfuError
    ├── Refusal            a business "no": typed, safe to show, one row of the problem table each
    └── Fault              infrastructure or a channel failed us; `is_retryable` says if again may help

A class's docstring is its default message. A bug is an `AssertionError`: it crashes and is not caught.
Must not know: HTTP frameworks, SQL, channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class ShunfuError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: an RFC 6901 pointer into the request and a stable code."""

    pointer: str
    code: str


class Refusal(ShunfuError):
    """The request cannot be carried out."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str | None = None,
        *,
        errors: tuple[FieldError, ...] = (),
        members: dict[str, str] | None = None,
    ) -> None:
        """`members` are extension members of the problem document (RFC 9457 section 3.2)."""
        super().__init__(message)
        self.errors = errors
        self.members = members or {}


class MalformedBody(Refusal):
    """The request body is not one well-formed JSON document."""

    code, status = "malformed_body", 400


class IdempotencyKeyMissing(Refusal):
    """Send an Idempotency-Key header of 1 to 64 visible ASCII characters with every POST."""

    code, status = "idempotency_key_missing", 400


class Unauthenticated(Refusal):
    """Send a valid API key as `Authorization: Bearer sk_…`."""

    code, status = "unauthenticated", 401


class Forbidden(Refusal):
    """This key may not do that."""

    code, status = "forbidden", 403


class NotFoundHere(Refusal):
    """Nothing with this id belongs to this merchant."""

    code, status = "not_found", 404


class SignInUnavailable(Refusal):
    """This merchant lets nobody sign in through that channel; paying works without."""

    code, status = "sign_in_unavailable", 404


class MethodNotAllowed(Refusal):
    """This address does not answer that HTTP method."""

    code, status = "method_not_allowed", 405


class RequestInFlight(Refusal):
    """The first request is still being carried out; ask again shortly."""

    code, status = "request_in_flight", 409


class StateConflict(Refusal):
    """The state does not allow this now; read it again first."""

    code, status = "state_conflict", 409


class PaymentUnknown(Refusal):
    """The channel has not told the result of the last payment yet; a second one could charge twice."""

    code, status = "payment_unknown", 409


class OrderNotOpen(Refusal):
    """The order can no longer be paid."""

    code, status = "order_not_open", 409


class AmountChanged(Refusal):
    """The amount is not the one that the shopper saw; show the new one and let them tap again."""

    code, status = "amount_changed", 409


class OfferGone(Refusal):
    """The offer cannot be had any more; pay without it or with another one."""

    code, status = "offer_gone", 409


class BodyTooLarge(Refusal):
    """The request body is larger than this address accepts."""

    code, status = "body_too_large", 413


class UnsupportedMediaType(Refusal):
    """Send the body as `Content-Type: application/json`."""

    code, status = "unsupported_media_type", 415


class InvalidField(Refusal):
    """At least one field is not valid; `errors` names each."""

    code, status = "invalid_field", 422


class IdempotencyKeyReused(Refusal):
    """This Idempotency-Key was used with another request body; use a new key."""

    code, status = "idempotency_key_reused", 422


class ChannelRefused(Refusal):
    """The channel refused the request."""

    code, status = "channel_refused", 422


class AmountExceedsRefundable(Refusal):
    """The amount is larger than what is left to refund."""

    code, status = "amount_exceeds_refundable", 422


class RefundNotAllowed(Refusal):
    """The channel takes no refund of this payment any more."""

    code, status = "refund_not_allowed", 422


class MethodUnavailable(Refusal):
    """This payment method is not available for this order."""

    code, status = "method_unavailable", 422


class LoginCodeRefused(Refusal):
    """The platform does not take this code any more; ask it for a fresh one."""

    code, status = "login_code_refused", 422


class ContactMissing(Refusal):
    """The order needs more about the shopper before it can be paid; `errors` names what."""

    code, status = "contact_missing", 422


@dataclass(frozen=True, slots=True)
class Pause:
    """Which limit was reached, how many it allows at once, and after how many seconds one more is allowed."""

    limit: str
    quota: int
    wait_seconds: float


class RateLimited(Refusal):
    """Too many requests; slow down and try again."""

    code, status = "rate_limited", 429

    def __init__(self, message: str | None = None, *, pause: Pause | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class InternalProblem(Refusal):
    """Something failed on our side; it is recorded under the request id."""

    code, status = "internal", 500


class ChannelFault(Refusal):
    """The channel did not answer a read; try again."""

    code, status = "channel_fault", 502


class PlatformUnavailable(Refusal):
    """The platform that the client runs in did not answer; try again with a fresh code."""

    code, status = "platform_unavailable", 503


class Overloaded(Refusal):
    """The service cannot take the request at this moment; try again shortly."""

    code, status = "overloaded", 503


PROBLEMS: tuple[type[Refusal], ...] = (
    MalformedBody,
    IdempotencyKeyMissing,
    Unauthenticated,
    Forbidden,
    NotFoundHere,
    SignInUnavailable,
    MethodNotAllowed,
    RequestInFlight,
    StateConflict,
    PaymentUnknown,
    OrderNotOpen,
    AmountChanged,
    OfferGone,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidField,
    IdempotencyKeyReused,
    ChannelRefused,
    AmountExceedsRefundable,
    RefundNotAllowed,
    MethodUnavailable,
    LoginCodeRefused,
    ContactMissing,
    RateLimited,
    InternalProblem,
    ChannelFault,
    PlatformUnavailable,
    Overloaded,
)
"""The one table of problem codes; OpenAPI, the docs page and the HTTP edge are made from it."""


class Fault(ShunfuError):
    """Infrastructure failed."""

    is_retryable: ClassVar[bool] = False


class SetupFault(Fault):
    """The installation is not set up correctly; the message says what to do."""


class TransientFault(Fault):
    """A passing fault; the same call may succeed later."""

    is_retryable = True
