"""The sandbox's settlement files: a day's movements in fixed widths, zipped. Must not import the channel's columns.

Source: 全渠道平台接入接口规范 5.1.0 (对账文件). Column widths are written down here a second time, from the document.
"""

from __future__ import annotations

import zipfile
import zlib
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from io import BytesIO

from shunfu.channels.unionpay.sandbox.orders import Asking, Done
from shunfu.channels.unionpay.sandbox.state import State
from shunfu.channels.unionpay.sandbox.telling import CUT
from shunfu.gateway.faults import Faults
from shunfu.gateway.sandbox.till import Movement
from shunfu.gateway.sandbox.values import BEIJING, At, beijing

READY = timedelta(hours=9)
DAYS_KEPT = 366
_LENGTH = 607


@dataclass(frozen=True, slots=True)
class Row:
    """One line to be written: the movement and its transaction's words."""

    movement: Movement
    txn_type: str
    txn_sub: str
    biz_type: str
    trace_no: str


def fetch(state: State, asking: Asking) -> Done:
    """The zip of a settlement day as fileContent; 98 when it is not there yet, or nothing moved."""
    day = _day(asking.fields.get("settleDate", ""), asking.at)
    if day is None or asking.fields.get("fileType") != "00":
        return Done(state, "13" if not asking.fields.get("settleDate") else "10")
    begin_ms = _ms(day) - int(CUT.total_seconds() * 1000)
    movements = state.till.between(begin_ms, begin_ms + 86_400_000)
    is_ready = asking.at.business_ms >= _ms(day + timedelta(days=1)) + int(READY.total_seconds() * 1000)
    if not is_ready or not (movements or asking.faults.rows_extra):
        return Done(state, "98", {"settleDate": asking.fields["settleDate"]})
    rows, faults = _damaged([_row(state, one) for one in movements], asking, day)
    content = b64encode(zlib.compress(_zip(state.material.mer_id, day, rows))).decode()
    more = {
        "settleDate": f"{day:%m%d}",
        "fileName": f"{state.material.mer_id}_{day:%Y%m%d}.zip",
        "fileContent": content,
    }
    return Done(state, "00", more, faults=faults)


def line(mer_id: str, row: Row) -> bytes:
    """One line of the normal file, without its line end."""
    moved, is_back = row.movement, row.movement.amount_minor < 0
    settled = moved.amount_minor - moved.fee_minor
    sent_at = f"{beijing(moved.at_ms):%m%d%H%M%S}"
    own_id = moved.channel_refund_no if is_back else moved.channel_no
    columns: list[tuple[int, str]] = [
        (3, "S56"), (11, "01020000"), (11, "00010000"), (6, row.trace_no), (10, sent_at), (19, "6216***********0018"),
        (12, f"{abs(moved.amount_minor):012d}"), (4, "5999"), (2, "08"), (21, own_id), (2, ""),
        (32, moved.refund_number if is_back else moved.number), (2, "01"), (6, ""), (10, ""),
        (13, _signed(-moved.fee_minor)), (13, _signed(settled)), (4, ""), (15, ""), (2, row.txn_type), (2, row.txn_sub),
        (6, row.biz_type), (2, "01"), (4, ""), (32, ""), (1, "0"), (21, moved.channel_no if is_back else ""),
        (15, mer_id), (1, ""), (15, ""), (32, ""), (13, ""), (13, _signed(settled)), (8, ""), (32, ""), (13, ""),
        (13, ""), (12, ""), (2, ""), (1, ""), (32, moved.number if is_back else ""), (98, ""),
    ]  # fmt: skip
    text = " ".join(value[:width].ljust(width) for width, value in columns)  # an order number may be 40 characters
    assert len(text) == _LENGTH, "every column is as wide as the document says"
    return text.encode("gbk")


def _row(state: State, moved: Movement) -> Row:
    order = next((one for one in state.orders.values() if one.query_id == moved.channel_no), None)
    back = next((one for one in state.returns.values() if one.query_id == moved.channel_refund_no), None)
    if back is not None and moved.channel_refund_no:
        return Row(moved, back.kind, "00", back.biz_type, back.trace_no)
    if order is None:
        return Row(moved, "01", "01", "000201", "")
    return Row(moved, "01", order.txn_sub, order.biz_type, order.trace_no)


def _damaged(rows: list[Row], asking: Asking, day: date) -> tuple[list[Row], Faults | None]:
    """The rows with those faults committed that are still to come, and the faults left."""
    faults = asking.faults
    missing, faults = _taken(faults, "rows_missing", len(rows))
    rows = rows[missing:]
    altered, faults = _taken(faults, "rows_altered", len(rows))
    rows = [_altered(row) if place < altered else row for place, row in enumerate(rows)]
    extra, faults = _taken(faults, "rows_extra", max(1, faults.rows_extra))
    noon_ms = _ms(day) + 12 * 3_600_000
    for place in range(extra):
        number, own_id = f"EXTRA{asking.at.digits(15, 'extra', place)}", asking.at.digits(21, "extra id", place)
        rows.append(Row(Movement(noon_ms, "payment", number, own_id, 1234, 7), "01", "01", "000201", "000000"))
    return rows, None if faults == asking.faults else faults


def _taken(faults: Faults, name: str, most: int) -> tuple[int, Faults]:
    """How many rows get this fault, and the faults left; -1 means all, for good."""
    count: int = getattr(faults, name)
    taken = most if count < 0 else min(count, most)
    return taken, faults if count < 0 else replace(faults, **{name: count - taken})


def _altered(row: Row) -> Row:
    moved = row.movement
    return replace(row, movement=replace(moved, amount_minor=moved.amount_minor + 1))


def _zip(mer_id: str, day: date, rows: list[Row]) -> bytes:
    text = "".join(f"{row.movement.number} {row.movement.amount_minor}\r\n" for row in rows)
    members = {
        f"INN{day:%y%m%d}88ZM_{mer_id}": b"".join(line(mer_id, row) + b"\r\n" for row in rows),
        f"RD20{day:%y%m%d}01_{mer_id}": f"商户对账报表 {day:%Y-%m-%d}\r\n{text}".encode("gbk"),
    }
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, (day.year, day.month, day.day, 23, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return packed.getvalue()


def _signed(amount_minor: int) -> str:
    return f"{'D' if amount_minor < 0 else 'C'}{abs(amount_minor):012d}"


def _day(text: str, at: At) -> date | None:
    """The last day of this MMDD that is not in the future, within a year."""
    today = at.beijing.date()
    days = (today - timedelta(days=back) for back in range(DAYS_KEPT))
    return next((one for one in days if f"{one:%m%d}" == text), None) if len(text) == 4 else None


def _ms(day: date) -> int:
    return int(datetime.combine(day, time(), BEIJING).timestamp() * 1000)
