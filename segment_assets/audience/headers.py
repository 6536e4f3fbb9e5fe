"""Which column of a file is which of ours: the plan's header map first, then one table of common spellings.

Belongs here: header names. Not here: cells, formats, encodings.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.tables import SEGMENT_MEMBERS, SOURCE_PLACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TARGETS: tuple[str, ...] = tuple(c.name for c in SEGMENT_MEMBERS.columns if c not in SOURCE_PLACE)

# The columns of which one at least is needed to tell people apart; a list of first names names nobody.
NAMING_COLUMNS = ("customer_id", "email", "phone", "mobile_ad_id")

# Spellings seen in exports of shops, mailing tools and platforms, reduced to letters and digits.
ALIASES: dict[str, tuple[str, ...]] = {
    "customer_id": ("customerno", "customernumber", "clientid", "kundennummer"),
    "email": ("emailaddress", "mail", "mailaddress", "hashedemail", "emailsha256"),
    "phone": ("phonenumber", "phoneno", "mobile", "mobilephone", "mobilenumber", "cellphone", "telephone", "tel"),
    "first_name": ("firstname", "givenname", "forename", "fname", "vorname"),
    "last_name": ("lastname", "familyname", "surname", "lname", "nachname"),
    "city": ("town", "ort", "stadt"),
    "state": ("province", "stateprovince", "statecode"),
    "postal_code": ("postcode", "zip", "zipcode", "plz"),
    "country": ("countrycode", "countryname", "land"),
    "birth_date": ("dateofbirth", "dob", "birthday", "geburtsdatum"),
    "gender": ("sex", "geschlecht"),
    "mobile_ad_id": ("madid", "maid", "mobileadvertisingid", "advertisingid", "idfa", "gaid", "aaid"),
    "consent_ad_user_data": ("aduserdata", "aduserdataconsent"),
    "consent_ad_personalization": ("adpersonalization", "adpersonalisation", "consentadpersonalisation"),
    "gpc_opt_out": ("gpc", "globalprivacycontrol"),
    "customer_value": ("lifetimevalue", "customerlifetimevalue", "ltv", "clv"),
}

_EXPLICIT, _OWN_NAME, _ALIAS = 0, 1, 2
_SHOWN = 20


def _squash(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", header.lower())


_OWN = {_squash(name): name for name in TARGETS}
_OTHER = {alias: name for name, aliases in ALIASES.items() for alias in aliases}


@dataclasses.dataclass(frozen=True, slots=True)
class HeaderMap:
    """The plan's words for a source's columns (`explicit`: header as written -> our column) plus our own guesses."""

    explicit: Mapping[str, str]

    def __post_init__(self) -> None:
        unknown = sorted(set(self.explicit.values()) - set(TARGETS))
        if unknown:
            raise PermanentError(
                f"the header map names columns that segment_members does not have: {', '.join(unknown)}; "
                f"use one of {', '.join(TARGETS)}"
            )

    def find(self, header: str) -> tuple[str, int] | None:
        """Our column for a header and how sure that is (0 the plan, 1 our own name, 2 an alias), or None.

        >>> HeaderMap({"Kontakt": "email"}).find("Kontakt")
        ('email', 0)
        >>> HeaderMap({}).find("E-Mail Address")
        ('email', 2)
        """
        header = header.strip().removeprefix("\ufeff")
        if header in self.explicit:
            return self.explicit[header], _EXPLICIT
        squashed = _squash(header)
        if squashed in _OWN:
            return _OWN[squashed], _OWN_NAME
        if squashed in _OTHER:
            return _OTHER[squashed], _ALIAS
        return None

    def positions(self, headers: Sequence[str]) -> dict[str, int]:
        """Our column -> its position in a file. Where two headers mean one column, the surer one, then the first."""
        best: dict[str, tuple[int, int]] = {}
        for position, header in enumerate(headers):
            found = self.find(header)
            if found is None:
                continue
            column, rank = found
            if column not in best or rank < best[column][0]:
                best[column] = (rank, position)
        return {column: position for column, (_, position) in best.items()}


class NoNamingColumnError(PermanentError):
    """No column of a file names anybody. The message shows headers, and without any these are somebody's cells."""


def printable(header: str) -> str | None:
    """The header if it can be shown, None where it looks like a value: a file without headers starts with people."""
    looks_like_value = "@" in header or len(re.findall(r"\d", header)) > 4 or len(header) > 60  # noqa: PLR2004
    return None if looks_like_value or not header.isprintable() else header.strip()


def require_naming_column(name: str, headers: Sequence[str], found: Mapping[str, object]) -> None:
    """Raise NoNamingColumnError when none of a file's columns can name a person. Shows headers, never values."""
    if any(column in found for column in NAMING_COLUMNS):
        return
    shown = [printable(header) for header in headers[:_SHOWN]]
    if not headers or any(text is None for text in shown):
        what = "its first line looks like data, so it is not shown"
    else:
        more = f" and {len(headers) - _SHOWN} more" if len(headers) > _SHOWN else ""
        what = f"its headers are {', '.join(repr(text) for text in shown)}{more}"
    raise NoNamingColumnError(
        f"{name}: no column holds a customer number, e-mail, phone or mobile ad id ({what}); "
        "add a header line, or name the columns in the plan's header map"
    )
