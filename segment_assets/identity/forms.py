"""The normal forms: named, versioned rules, each with its source and the reasons it can give.

Belongs here: the registry. Not here: the rules themselves (`emails`, `phone`, `people`, `birth`, `places`,
`devices`) and the hashing (`digests`). A changed rule gets a higher version, so that audiences hashed before and
after can be told apart.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import TYPE_CHECKING

from segment_assets.contracts import MatchKey, Reason
from segment_assets.identity import birth, devices, emails, people, phone, places
from segment_assets.identity.text import absence, trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_META_CUSTOMER_FILE = (
    "https://developers.facebook.com/documentation/ads-commerce/marketing-api/audiences/guides/custom-audiences"
)
_META_CUSTOMER_INFORMATION = (
    "https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/"
    "customer-information-parameters"
)
_GOOGLE_FORMATTING = "https://developers.google.com/data-manager/api/get-started/formatting"
# Reasons that are found before a rule is asked.
_ALWAYS = frozenset({Reason.EMPTY, Reason.NULL_TEXT, Reason.UNSUPPORTED_DIGEST, Reason.UNREADABLE_ROW})


@dataclasses.dataclass(frozen=True, slots=True)
class NormalForm:
    """One rule on one raw column.

    `column` is the column of SEGMENT_MEMBERS it reads; `hashed` says whether the cell is the SHA-256 of the normal
    form (32 bytes) or the normal form itself; `source` is where the rule is published; `needs_country` says whether
    the same value can read differently in another country. A digest that a source brings says nothing about the rule
    it was made by: every hashed form of the column takes it over.

    Where a form is another one (`base`, in front of it in NORMAL_FORMS and of the same column) and a step more,
    `refine` is that step, so that a batch reads the value once.
    """

    name: str
    match_key: MatchKey
    column: str
    hashed: bool
    version: int
    source: str
    reasons: frozenset[Reason]
    takes_digests: bool
    needs_country: bool
    rule: Callable[[str, str | None], str | Reason] = dataclasses.field(repr=False)
    base: str = ""
    refine: Callable[[str], str | Reason] = dataclasses.field(default=str, repr=False)

    def normalise(self, value: str, country: str | None = None) -> str | Reason:
        """The normal form of a raw value, or why there is none. `country` is alpha-2 lower-case or None.

        Says nothing of values that are hashed already: `digest` does.
        """
        text = trimmed(value)
        return absence(text) or self.rule(text, country)


def _form(
    match_key: MatchKey,
    rule: Callable[[str, str | None], str | Reason],
    *reasons: Reason,
    name: str | None = None,
    column: str | None = None,
    source: str = _META_CUSTOMER_FILE,
    hashed: bool = True,
    takes_digests: bool = True,
    needs_country: bool = False,
) -> NormalForm:
    refuses_digests = frozenset() if takes_digests else frozenset({Reason.HASHED_WHERE_PLAIN_IS_NEEDED})
    return NormalForm(
        name=name or match_key.value,
        match_key=match_key,
        column=column or match_key.value,
        hashed=hashed,
        version=1,
        source=source,
        reasons=_ALWAYS | refuses_digests | frozenset(reasons),
        takes_digests=takes_digests,
        needs_country=needs_country,
        rule=rule,
    )


def _refined(base: NormalForm, name: str, refine: Callable[[str], str | Reason], *, hashed: bool = True) -> NormalForm:
    """Google's form of a key that it wants otherwise than Meta does."""

    def rule(value: str, country: str | None) -> str | Reason:
        normal = base.rule(value, country)
        return normal if isinstance(normal, Reason) else refine(normal)

    return dataclasses.replace(
        base,
        name=name,
        hashed=hashed,
        source=_GOOGLE_FORMATTING,
        reasons=base.reasons if hashed else base.reasons | {Reason.HASHED_WHERE_PLAIN_IS_NEEDED},
        takes_digests=hashed,
        rule=rule,
        base=base.name,
        refine=refine,
    )


def _lower_case_name(match_key: MatchKey) -> NormalForm:
    return _form(
        match_key,
        people.lower_case_name,
        Reason.NO_LETTERS,
        name=f"{match_key.value}_lower",
        column=match_key.value,
        source=_GOOGLE_FORMATTING,
    )


def _birth(match_key: MatchKey, rule: Callable[[str, str | None], str | Reason], *reasons: Reason) -> NormalForm:
    """A digest of a whole date says nothing about its parts, so a hashed date is of no use."""
    return _form(
        match_key,
        rule,
        Reason.NOT_A_DATE,
        Reason.IMPOSSIBLE_DATE,
        *reasons,
        column="birth_date",
        takes_digests=False,
        needs_country=True,
    )


_EMAIL = _form(MatchKey.EMAIL, emails.email, Reason.NOT_AN_EMAIL)
_PHONE = _form(
    MatchKey.PHONE,
    phone.phone_digits,
    Reason.NOT_A_PHONE,
    Reason.NO_COUNTRY,
    name="phone_digits",
    needs_country=True,
)
_COUNTRY = _form(MatchKey.COUNTRY, places.country, Reason.UNKNOWN_COUNTRY)

_FORMS = (
    _EMAIL,
    _refined(_EMAIL, "email_gmail_folded", emails.folded_as_by_gmail),
    _PHONE,
    _refined(_PHONE, "phone_e164", phone.e164),
    _form(MatchKey.FIRST_NAME, people.name, Reason.NO_LETTERS, source=_META_CUSTOMER_INFORMATION),
    _lower_case_name(MatchKey.FIRST_NAME),
    _form(MatchKey.LAST_NAME, people.name, Reason.NO_LETTERS, source=_META_CUSTOMER_INFORMATION),
    _lower_case_name(MatchKey.LAST_NAME),
    _form(MatchKey.CITY, places.city, Reason.NO_LETTERS),
    _form(MatchKey.STATE, places.state, Reason.NOT_A_STATE, Reason.NO_COUNTRY, needs_country=True),
    _form(
        MatchKey.POSTAL_CODE,
        places.postal_code,
        Reason.NOT_A_POSTAL_CODE,
        Reason.NO_COUNTRY,
        needs_country=True,
    ),
    _form(
        MatchKey.POSTAL_CODE,
        places.postal_code_as_written,
        Reason.NOT_A_POSTAL_CODE,
        name="postal_code_plain",
        source=_GOOGLE_FORMATTING,
        hashed=False,
        takes_digests=False,
    ),
    _COUNTRY,
    _refined(_COUNTRY, "country_code", str.upper, hashed=False),
    _birth(MatchKey.BIRTH_YEAR, birth.birth_year),
    _birth(MatchKey.BIRTH_MONTH, birth.birth_month, Reason.NO_COUNTRY),
    _birth(MatchKey.BIRTH_DAY, birth.birth_day, Reason.NO_COUNTRY),
    _form(MatchKey.GENDER, people.gender, Reason.NOT_A_GENDER),
    _form(
        MatchKey.MOBILE_AD_ID,
        devices.mobile_ad_id,
        Reason.NOT_A_MOBILE_AD_ID,
        Reason.ZERO_MOBILE_AD_ID,
        hashed=False,
        takes_digests=False,
    ),
)

# In the order and with the names of the columns of tables.HASHED_AUDIENCE.
NORMAL_FORMS: Mapping[str, NormalForm] = MappingProxyType({form.name: form for form in _FORMS})
