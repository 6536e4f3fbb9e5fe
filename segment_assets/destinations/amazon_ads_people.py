"""Cells and consent signals of people as Amazon takes them, on both of its ways in.

Belongs here: one person's values as text, Amazon's consent signal. Not here: how a record is put together
(`amazon_ads`, `amc`). Source: advertising.amazon.com, Ads data manager, consent management and dataset management.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import Consent, Encoding, NeedsHumanError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Contract, MatchKey, Member

USER_DATA_WORDS = ("GRANTED", "NOT_APPLICABLE", "UNKNOWN")
STATEMENTS: Mapping[str, tuple[str, ...]] = {
    # For people of whom no answer is known; their own answer is sent in its place.
    "amzn_user_data": USER_DATA_WORDS,
    # Cookies, of which an upload knows nothing; UNKNOWN and NOT_APPLICABLE say so.
    "amzn_ad_storage": ("GRANTED", "DENIED", "NOT_APPLICABLE", "UNKNOWN"),
    # Amazon ignores a removal that carries no granted signal.
    "removal_signal": ("GRANTED",),
}
_DIGEST_BYTES = 32
_ASKS_FOR_A_YES = frozenset(
    {
        *("AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS"),
        *("IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)


def cells(member: Member, contract: Contract) -> dict[MatchKey, str]:
    """What is known of a person, as text. A raw value never passes for a digest."""
    found = {key: _cell(member, sent.form, sent.encoding) for key, sent in contract.match_keys.items()}
    return {key: cell for key, cell in found.items() if cell}


def all_stated(contract: Contract, statements: Mapping[str, str], account: str) -> dict[str, str]:
    """The plan's statements about an activation. Raises NeedsHumanError naming one that is missing."""
    for name, allowed in contract.statements.items():
        if statements.get(name) not in allowed:
            raise NeedsHumanError(
                f"{contract.platform} account {account}: the plan does not state {name} ({' or '.join(allowed)}) for "
                "this activation; nobody is added on a guess"
            )
    return dict(statements)


def signal(member: Member, contract: Contract, stated: Mapping[str, str] | None) -> dict[str, str]:
    """Amazon's consent signal of one person.

    Of an addition the person's own answers before what the plan states, of a removal (None) the only one that it can
    carry: the plan has said that it knows, or nobody would have been added.
    """
    if stated is None:
        (granted,) = contract.statements["removal_signal"]
        return {"amznAdStorage": granted, "amznUserData": granted}
    return {"amznAdStorage": stated["amzn_ad_storage"], "amznUserData": user_data(member, contract, stated)}


def user_data(member: Member, contract: Contract, stated: Mapping[str, str]) -> str:
    """Amazon's word on the use of one person's data: their own answers before what the plan states."""
    answers = {member.consent.get(column, Consent.UNSPECIFIED) for column in contract.consent}
    if Consent.DENIED in answers:
        return "DENIED"
    return "GRANTED" if answers == {Consent.GRANTED} else stated["amzn_user_data"]


def is_heard(said: Mapping[str, str], country: str) -> bool:
    """Whether Amazon does anything with a person who is added with a signal.

    Of the UK, the EEA and Switzerland it asks for a yes, and of nobody does it take a no.

    >>> [is_heard({"amznUserData": said, "amznAdStorage": "UNKNOWN"}, "DE") for said in ("GRANTED", "NOT_APPLICABLE")]
    [True, False]
    """
    return "DENIED" not in said.values() and (
        country.upper() not in _ASKS_FOR_A_YES or said.get("amznUserData") == "GRANTED"
    )


def _cell(member: Member, form: str, encoding: Encoding) -> str:
    value = member.keys.get(form)
    if not value:
        return ""
    if encoding is Encoding.PLAIN and isinstance(value, str):
        return value
    if encoding is Encoding.PLAIN or not isinstance(value, bytes) or len(value) != _DIGEST_BYTES:
        raise PermanentError(f"amazon: a value of {form} has not the shape that is declared; nothing was sent")
    return value.hex()
