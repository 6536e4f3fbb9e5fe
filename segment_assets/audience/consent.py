"""What a source says about consent, and what a region asks for.

Belongs here: the words of consent, the regimes, the policy of an audience. Not here: how rows are merged or drawn.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any

from segment_assets.audience.arrow import kernels, nothing
from segment_assets.contracts import ColumnState, PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

YES_WORDS = ("granted", "grant", "yes", "y", "true", "t", "1", "opted_in", "opt_in")
NO_WORDS = ("denied", "deny", "no", "n", "false", "f", "0", "opted_out", "opt_out", "withdrawn", "revoked")
SILENT_WORDS = ("", "unknown", "unspecified", "null", "none", "nan", "n/a", "na", "undefined")

UNKNOWN, GRANTED, NOT_UNDERSTOOD, DENIED = 0, 1, 2, 3
"""Statements as numbers in order of strictness: the strictest of several is their maximum.

A word that we do not know keeps a person from being sent like a no. It is not taken for a withdrawal, which leaves past
every guard: a source that changes its words would empty the audience.
"""

# GDPR applies in the EU 27 and, through the EEA agreement, in IS, LI, NO; GB kept it; CH has a law alike. Google's
# EU user consent policy names the EEA, the UK and Switzerland.
OPT_IN_COUNTRIES = frozenset(
    {
        *("at", "be", "bg", "hr", "cy", "cz", "dk", "ee", "fi", "fr", "de", "gr", "hu", "ie", "it", "lv"),
        *("lt", "lu", "mt", "nl", "pl", "pt", "ro", "sk", "si", "es", "se", "is", "li", "no", "gb", "ch"),
    }
)


class Regime(enum.StrEnum):
    """`opt_in`: nothing without a yes. `opt_out`: allowed until a no."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"


@dataclasses.dataclass(frozen=True, slots=True)
class HoldOut:
    """An experiment's control group: `share` (0 to 1) of the clusters, drawn by `salt`."""

    name: str
    salt: str
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise PermanentError(f"hold-out {self.name}: share {self.share} is not in [0, 1); correct it in the plan")
        if not self.salt:
            raise PermanentError(f"hold-out {self.name}: the salt is empty; give every experiment its own in the plan")


@dataclasses.dataclass(frozen=True, slots=True)
class AudiencePolicy:
    """What the plan says about one segment.

    `consent_asserted` is the plan's word that the source collected consent: silence then counts as a yes, while a
    no stays a no. `column_states` says per raw column whether it is raw, hashed or to be looked at.
    """

    opt_in_countries: frozenset[str] = OPT_IN_COUNTRIES
    regime_of_unknown_country: Regime = Regime.OPT_IN
    regime_elsewhere: Regime = Regime.OPT_OUT
    consent_asserted: bool = False
    column_states: Mapping[str, ColumnState] = dataclasses.field(default_factory=dict)
    experiments: tuple[HoldOut, ...] = ()

    def __post_init__(self) -> None:
        salts = [experiment.salt for experiment in self.experiments]
        if len(set(salts)) < len(salts):
            raise PermanentError("two hold-outs share a salt, so they would draw the same people; change one")


def statement(words: pa.Array[Any]) -> pa.Array[Any]:
    """Consent texts -> int8 UNKNOWN | GRANTED | NOT_UNDERSTOOD | DENIED."""
    import pyarrow as pa

    pc = kernels()

    text = _canonical(words)
    silent = pc.is_in(text, pa.array(SILENT_WORDS))
    granted = pc.is_in(text, pa.array(YES_WORDS))
    denied = pc.is_in(text, pa.array(NO_WORDS))
    number = pc.if_else(silent, UNKNOWN, pc.if_else(granted, GRANTED, pc.if_else(denied, DENIED, NOT_UNDERSTOOD)))
    statements: pa.Array[Any] = number.cast(pa.int8())
    return statements


def unknown_words(words: pa.Array[Any]) -> int:
    """How many cells hold a word that is neither yes, no nor silence (and count as a no)."""
    import pyarrow as pa

    pc = kernels()

    known = pc.is_in(_canonical(words), pa.array(SILENT_WORDS + YES_WORDS + NO_WORDS))
    return int(pc.sum(pc.invert(known)).as_py() or 0)


def signal(words: pa.Array[Any]) -> pa.Array[Any]:
    """Opt-out signals as text -> booleans, null where silent. A word that we do not know counts as a signal."""
    import pyarrow as pa

    pc = kernels()

    text = _canonical(words)
    silent = pc.is_in(text, pa.array(SILENT_WORDS))
    # Whoever opted out said so: `opted_out` and `denied` are a signal here.
    off = pc.is_in(text, pa.array(("false", "f", "no", "n", "0", "opted_in", "opt_in", "granted")))
    signals: pa.Array[Any] = pc.if_else(silent, nothing(pa.bool_()), pc.invert(off))
    return signals


def _canonical(words: pa.Array[Any]) -> pa.Array[Any]:
    import pyarrow as pa

    pc = kernels()

    text = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(words.cast(pa.string()))), "")
    canonical: pa.Array[Any] = pc.replace_substring_regex(text, r"[\s-]+", "_")
    return canonical
