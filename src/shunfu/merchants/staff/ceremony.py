"""WebAuthn's two ceremonies, pure: what is asked of the browser, and whether its answer is right.

User verification is required, so that a passkey is two factors at once: having the authenticator, and its PIN or one's
finger. No attestation is asked for: which make of authenticator somebody owns is none of our business.
Source: W3C Web Authentication Level 3, sections 7.1 and 7.2; the checks themselves are the library's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from shunfu.merchants.staff.model import Passkey

CHALLENGE_BYTES = 32
ANSWER_MAX = 16_384
ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_BROKEN = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError)
"""What the library raises for an answer that is wrong, or not even one."""


@dataclass(frozen=True, slots=True)
class Party:
    """To whom a passkey belongs on our side: the relying party's id (a host), and the one origin that pages have."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey that an authenticator has made."""

    credential: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Registrant:
    """For whom a passkey is made."""

    staff_id: UUID
    login_name: str
    name: str


def registration_options(party: Party, who: Registrant, known: Sequence[Passkey], challenge: bytes) -> str:
    """What `navigator.credentials.create` is asked, as JSON. An authenticator that is known already makes no second."""
    return options_to_json(
        generate_registration_options(
            rp_id=party.host,
            rp_name="Shunfu",
            user_id=who.staff_id.bytes,
            user_name=who.login_name,
            user_display_name=who.name,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential) for one in known],
            supported_pub_key_algs=ALGORITHMS,
        )
    )


def assertion_options(party: Party, known: Sequence[Passkey], challenge: bytes) -> str:
    """What `navigator.credentials.get` is asked, as JSON."""
    return options_to_json(
        generate_authentication_options(
            rp_id=party.host,
            challenge=challenge,
            allow_credentials=[PublicKeyCredentialDescriptor(id=one.credential) for one in known],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def read_registration(party: Party, answer: str, challenge: bytes) -> Made | None:
    """The passkey in an answer, or None: another challenge, origin or host, or the user was not verified."""
    try:
        found = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
    except _BROKEN:
        return None
    return Made(found.credential_id, found.credential_public_key, found.sign_count)


def read_assertion(
    party: Party, answer: str, challenge: bytes, owned: tuple[UUID, Sequence[Passkey]]
) -> tuple[Passkey, int] | None:
    """Which of a person's (id, passkeys) answered, and its counter's new value; None when none did rightly.

    Another person's passkey is none of these, and a counter that went back is refused (section 7.2, step 22).
    """
    staff_id, passkeys = owned
    try:
        given = parse_authentication_credential_json(answer)
        passkey = next(one for one in passkeys if one.credential == given.raw_id)
        if given.response.user_handle not in {None, b"", staff_id.bytes}:
            return None
        found = verify_authentication_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (*_BROKEN, StopIteration):
        return None
    return passkey, found.new_sign_count
