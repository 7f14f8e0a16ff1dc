"""The shapes of telemetry on the wire, with their limits and examples."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictFloat, StrictInt, StrictStr

from shunfu.kernel.plain import LINE_TEXT
from shunfu.telemetry.model import (
    EVENTS_MAX,
    SEQ_MAX,
    WEIGHT_MAX,
    Batch,
    Client,
    Event,
    EventName,
    Network,
    System,
    Taken,
)

SAMPLE_MIN = 1 / WEIGHT_MAX
Version = Annotated[StrictStr, Field(max_length=32, pattern=r"^[0-9A-Za-z._+-]*$")]
Method = Annotated[StrictStr, Field(pattern=r"^[a-z0-9_]{1,32}/[a-z0-9_]{1,32}$", examples=["wechatpay/miniprogram"])]
EXAMPLE: dict[str, JsonValue] = {
    "merchant": "mer_01HZY3V9Q8M5T2K7R4W6X0J1BC",
    "visit": "Zr8v1Qp3T0aYkL5uWc2eMg",
    "seq": 0,
    "consent": True,
    "sample": 1,
    "app": {"version": "1.0.0", "host": "wechat", "host_version": "8.0.60", "system": "harmony", "network": "5g"},
    "events": [
        {"name": "open", "at_ms": 0},
        {"name": "first_screen", "at_ms": 420},
        {"name": "pay_tap", "at_ms": 2300, "method": "wechatpay/miniprogram", "taps": 1, "fields": 0},
    ],
}


class Strict(BaseModel):
    """A part of a request's body: unknown members are errors."""

    model_config = ConfigDict(extra="forbid")


class AppIn(Strict):
    """Where the visit happens. A device is a model, such as `iPhone 15`, never an identifier."""

    version: Version = ""
    host: StrictStr = Field(pattern=r"^[a-z0-9_]{1,32}$", examples=["wechat"])
    host_version: Version = ""
    system: System
    system_version: Version = ""
    device: StrictStr = Field(default="", max_length=40, pattern=LINE_TEXT)
    network: Network = "unknown"


class EventIn(Strict):
    """One thing that happened. What no clock or counter can have said is left out and counted, not refused."""

    name: EventName
    at_ms: StrictInt = Field(description="Milliseconds since the visit began; 0 to a day.")
    method: Method | None = None
    taps: StrictInt | None = Field(default=None, description="Taps of the shopper so far in this visit.")
    fields: StrictInt | None = Field(default=None, description="Fields typed into so far.")
    duration_ms: StrictInt | None = Field(default=None, description="How long it took itself; of a vital, its value.")
    value: StrictFloat | StrictInt | None = Field(
        default=None, ge=-1e6, le=1e6, description="Of the vital `cls`: its score."
    )
    code: StrictStr = Field(default="", max_length=64, pattern=r"^[0-9A-Za-z._:-]*$", description="Why; which vital.")


class BatchIn(Strict):
    """Part `seq` of what a visit tells. It names a checkout token, or the merchant where there is no order yet."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    checkout: StrictStr | None = Field(default=None, max_length=100, description="A checkout token.")
    merchant: StrictStr | None = Field(default=None, max_length=64, description="mer_…")
    visit: StrictStr = Field(pattern=r"^[0-9A-Za-z_-]{22}$", description="16 random bytes, made anew for each visit.")
    seq: StrictInt = Field(ge=0, le=SEQ_MAX, description="0, 1, 2 … within the visit; each is taken once.")
    consent: StrictBool = Field(description="false: nothing is stored but a count a day.")
    sample: StrictFloat | StrictInt = Field(
        default=1, ge=SAMPLE_MIN, le=1, description="The rate by which this visit was drawn, as the checkout told it."
    )
    app: AppIn
    events: list[EventIn] = Field(min_length=1, max_length=EVENTS_MAX)


class TakenOut(BaseModel):
    """How many events were stored, and how many were left out by the member that cannot be right."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"taken": 3, "left_out": {}}]})

    taken: int
    left_out: dict[str, int]


def read_batch(told: BatchIn) -> Batch:
    """The batch that a body tells."""
    app = told.app
    client = Client(
        version=app.version,
        host=app.host,
        host_version=app.host_version,
        system=app.system,
        system_version=app.system_version,
        device=app.device,
        network=app.network,
    )
    events = tuple(_event(one) for one in told.events)
    return Batch(told.visit, told.seq, round(1 / told.sample), client, events)


def render_taken(taken: Taken) -> TakenOut:
    """What became of a batch."""
    return TakenOut(taken=taken.taken, left_out={str(reason): times for reason, times in taken.left_out.items()})


def _event(told: EventIn) -> Event:
    """`cls` is kept in thousandths, as an integer; any other value in milliseconds."""
    measure = told.duration_ms
    if told.name == "vital" and told.value is not None:
        measure = round(told.value * 1000) if told.code == "cls" else round(told.value)
    return Event(
        name=told.name,
        at_ms=told.at_ms,
        measure=measure,
        method=told.method or "",
        taps=told.taps,
        fields=told.fields,
        code=told.code,
    )
