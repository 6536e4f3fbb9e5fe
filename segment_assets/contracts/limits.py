"""How a number of a platform's is declared that is not of one request: audiences of an account, a name's length.

Belongs here: what is counted, of what, and who sees to it. Not here: any platform (`destinations`); what is of one
request or of a member's life, and the quota that we keep, has a field of its own in the contract (`platform`). Where a
platform has several quotas, those beside it stand here.
"""

from __future__ import annotations

import dataclasses
import enum


class Counted(enum.StrEnum):
    """What a limit counts. The words stand on the destination's page."""

    AUDIENCES = "audiences"
    CALLERS = "callers at once"
    CHARACTERS = "characters of the name"
    DAYS_TO_LIVE = "days at most"
    DAYS_TO_ASK = "days in which an answer can be asked for"
    DAYS_UNUSED = "days without use"
    DESCRIPTION = "characters of the description"
    FILES = "files"
    FLOWS = "flows"
    FILE_BYTES = "bytes of a file"
    IDENTIFIERS = "identifiers"
    NAMED = "refused records that an answer names"
    RECORDS_HOURLY = "records in an hour"
    REQUESTS_A_MINUTE = "requests in a minute"
    REQUESTS_A_SECOND = "requests in a second"
    REQUESTS_IN_15_MINUTES = "requests in 15 minutes"
    RUN_BYTES = "bytes of a run"


class Kept(enum.StrEnum):
    """Who sees to it that a limit is kept. The words stand on the destination's page."""

    CUT = "we cut to it"
    COUNTED = "we count, and ask a person before it is reached"
    REFUSED = "the platform refuses, and a person is told that it is this"
    WITHIN = "nothing of ours goes beyond"
    ONLY_TOLD = "only told here"


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """At most so many (and at least so few) of something, `per` what the platform counts by.

    `source`: who says so, and how sure that is; "ours" where nobody publishes any.
    `reserve`: of a limit that is counted, how many are left to those who said no.
    """

    counts: Counted
    most: int
    per: str
    kept: Kept
    source: str
    least: int = 0
    reserve: int = 0
