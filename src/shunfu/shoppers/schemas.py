"""The shapes of sessions, profiles and consents on the wire, with their limits and examples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from shunfu.shoppers.model import ADDRESSES_MAX, INVOICES_MAX

_HIDDEN = r"\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
"""What nobody sees and some abuse: controls, breaks, zero width, and whatever turns the direction of writing."""
SHOWN_TEXT = rf"^[^{_HIDDEN}]*[^\s{_HIDDEN}][^{_HIDDEN}]*$"
"""One line of which at least one character can be seen."""
MAYBE_TEXT = rf"^[^{_HIDDEN}]*$"
"""One line, or nothing."""
PHONE = r"^\+?[0-9]{5,20}$"

Phone = Annotated[StrictStr, Field(pattern=PHONE, examples=["13800138000"], description="5 to 20 digits, maybe a +.")]
Channel = Annotated[StrictStr, Field(pattern=r"^[a-z0-9_]{1,32}$", description="As in a method, before the slash.")]


class Strict(BaseModel):
    """A request body: unknown members are errors."""

    model_config = ConfigDict(extra="forbid")


class SignInIn(Strict):
    """The code that the platform gave to the client, at which merchant, through which channel."""

    merchant: StrictStr = Field(pattern=r"^mer_[0-9A-HJKMNP-TV-Z]{26}$", examples=["mer_01HZY3V9Q8M5T2K7R4W6X0J1BC"])
    channel: Channel
    code: StrictStr = Field(min_length=1, max_length=512, pattern=r"^[\x21-\x7e]+$", examples=["sandbox-code"])


class SessionOut(BaseModel):
    """A session of ours. `token` is in this answer and in no other; nothing of the platform's is."""

    token: str
    expires_at: str
    shopper: str


class AddressBody(Strict):
    """Where something is sent to."""

    name: StrictStr = Field(min_length=1, max_length=60, pattern=SHOWN_TEXT, examples=["陈梅"])
    phone: Phone
    province: StrictStr = Field(min_length=1, max_length=60, pattern=SHOWN_TEXT, examples=["云南省"])
    city: StrictStr = Field(min_length=1, max_length=60, pattern=SHOWN_TEXT, examples=["昆明市"])
    district: StrictStr = Field(max_length=60, pattern=MAYBE_TEXT, examples=["五华区"])
    street: StrictStr = Field(min_length=1, max_length=200, pattern=SHOWN_TEXT, examples=["翠湖南路 1 号"])
    postcode: StrictStr | None = Field(default=None, pattern=r"^[0-9A-Za-z -]{3,12}$", examples=["650031"])
    is_default: StrictBool = False


class InvoiceBody(Strict):
    """Whom an invoice is made out to."""

    kind: Literal["personal", "company"]
    title: StrictStr = Field(min_length=1, max_length=100, pattern=SHOWN_TEXT, examples=["山前咖啡有限公司"])
    tax_number: StrictStr | None = Field(
        default=None, pattern=r"^[0-9A-Z]{15,20}$", description="A company's; 15 to 20 digits and capitals."
    )
    email: StrictStr | None = Field(
        default=None, max_length=254, pattern=r"^[!-?A-~]{1,64}@[0-9A-Za-z.-]{1,190}$", examples=["mei@example.com"]
    )
    is_default: StrictBool = False


class ProfileIn(Strict):
    """What a shopper lets us fill in from now on, in place of what was there."""

    addresses: list[AddressBody] = Field(default_factory=list[AddressBody], max_length=ADDRESSES_MAX)
    phone: Phone | None = None
    invoices: list[InvoiceBody] = Field(default_factory=list[InvoiceBody], max_length=INVOICES_MAX)


class PhoneIn(Strict):
    """What the platform gave to the client in place of a phone number: a code, or a sealed message."""

    channel: Channel
    proof: StrictStr = Field(min_length=1, max_length=4096, pattern=r"^[\x20-\x7e]+$")


class PhoneOut(BaseModel):
    """The phone that the platform vouches for."""

    phone: str
    phone_is_verified: Literal[True]


class ConsentsIn(Strict):
    """Answers to questions for consent; what is left out stays as it is."""

    telemetry: StrictBool | None = None
    personalisation: StrictBool | None = None


class ConsentsOut(BaseModel):
    """The last answers; null: never answered."""

    telemetry: bool | None
    personalisation: bool | None


class ProfileOut(BaseModel):
    """What a shopper lets us fill in."""

    addresses: list[AddressBody]
    phone: str | None
    phone_is_verified: bool
    invoices: list[InvoiceBody]


class ShopperOut(ProfileOut):
    """A shopper, to themselves."""

    shopper: str
    last_method: str | None
    consents: ConsentsOut


class KnownAtOut(BaseModel):
    """Where a shopper is known: in one application, or in all of one owner's (`union`)."""

    kind: Literal["app", "union"]
    channel: str
    app: str
    since: str


class ConsentFactOut(BaseModel):
    """An answer to a question for consent."""

    kind: Literal["telemetry", "personalisation"]
    is_given: bool
    happened_at: str


class ListedSessionOut(BaseModel):
    """A session."""

    channel: str
    created_at: str
    ends_at: str
    ended_at: str | None


class LastPaidOut(BaseModel):
    """How the last payment succeeded."""

    method: str
    happened_at: str


class ExportOut(BaseModel):
    """Everything that is kept about a shopper here, but for what the platforms call the shopper: that stays sealed."""

    shopper: str
    created_at: str
    profile: ProfileOut
    known_at: list[KnownAtOut]
    consents: list[ConsentFactOut]
    sessions: list[ListedSessionOut]
    last_paid: LastPaidOut | None
