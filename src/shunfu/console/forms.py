"""What a page posts to us: its fields, and the proof that the page was ours.

A browser says in Origin where a form came from, and the form carries a token of its session; both must fit.
Source: OWASP Cross-Site Request Forgery Prevention, sections on origin and on synchroniser tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from unicodedata import category
from uuid import UUID

from fastapi import Request

from shunfu.checkout.kit import origin_of
from shunfu.kernel.errors import MalformedBody
from shunfu.kernel.ids import decode, encode
from shunfu.kernel.plain import LINE_TEXT
from shunfu.kernel.signing import Signer

FIELD_MAX = 200
FIELDS_MAX = 40
UNPRINTED = frozenset({"Cc", "Cs"})
"""Controls and lone surrogates: no field of ours holds one, and neither database nor hash takes them."""
_LINE = re.compile(LINE_TEXT)
PURPOSE = "console form"
ID_PURPOSE = "console form id"
Fields: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Forms:
    """Makes and checks form tokens. `public_url`: where browsers reach us."""

    signer: Signer
    public_url: str

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us by TLS."""
        return self.public_url.startswith("https://")

    def token(self, session_id: UUID | None) -> str:
        """What a form of this session carries; no other session's form does. None: nobody has logged in yet."""
        return self.signer.tag(PURPOSE, str(session_id or ""))

    def write_id(self, session_id: UUID, form_id: UUID) -> str:
        """The id that gets what a form of this session makes, bound to the session: nobody chooses an id."""
        return encode(form_id) + self.signer.tag(ID_PURPOSE, f"{session_id}|{form_id}")

    def read_id(self, session_id: UUID, text: str) -> UUID | None:
        """The id that one of our forms of this session carries, or None for any other text."""
        form_id = decode(text[:26])
        if form_id is None or not self.signer.is_genuine(ID_PURPOSE, f"{session_id}|{form_id}", text[26:]):
            return None
        return form_id

    def is_ours(self, request: Request, fields: Fields, session_id: UUID | None) -> bool:
        """Whether a POST was sent by a page of ours in this session."""
        near = {origin_of(self.public_url)}
        if not self.is_https:  # a machine of one's own, by whichever of its names it was opened
            near.add(origin_of(f"http://{request.headers.get('host', '')}"))
        is_near = origin_of(request.headers.get("origin")) in near - {None}
        return is_near and self.signer.is_genuine(PURPOSE, str(session_id or ""), fields.get("form_token", ""))


LONG = {"credentials": 20_000, "origins": 2000, "capabilities": 1000, "event_types": 1000, "url": 500}
"""The fields that may be longer than others; of these, the first three may have several lines."""
LINED = frozenset({"credentials", "origins", "capabilities"})


async def read_fields(request: Request, length: int = FIELD_MAX) -> Fields:
    """A form's fields, each cut to what it may hold. Files are refused; a field that holds a control is left out.

    Raises MalformedBody.
    """
    try:
        form = await request.form(max_fields=FIELDS_MAX, max_files=0)
    except UnicodeError as error:  # a character set that cannot be one
        raise MalformedBody from error
    texts = {name: value[: LONG.get(name, length)] for name, value in form.items() if isinstance(value, str)}
    return {name: text for name, text in texts.items() if _is_printed(text, has_lines=name in LINED)}


def _is_printed(text: str, *, has_lines: bool) -> bool:
    plain = text.replace("\r\n", " ").replace("\n", " ") if has_lines else text
    return not any(category(one) in UNPRINTED for one in plain)


def is_line(text: str, length: int) -> bool:
    """Whether a text is one line that is not empty, not longer than `length`, and turns no writing around."""
    return 0 < len(text) <= length and _LINE.fullmatch(text) is not None
