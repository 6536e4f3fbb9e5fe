"""What a platform accepts, as declared data.

Not here: any platform (`destinations`).
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Literal

from segment_assets.contracts.errors import PermanentError
from segment_assets.contracts.vocabulary import Encoding, MatchKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts.limits import Counted, Limit
    from segment_assets.contracts.readings import Reading


class Pattern(enum.StrEnum):
    """How a platform takes audiences (the three ways of the AWS guidance, and files)."""

    MANAGED = "managed"
    MULTI_STEP = "multi_step"
    SINGLE_STEP = "single_step"
    FILE = "file"


class Operation(enum.StrEnum):
    """What a request asks of an audience."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class Mode(enum.StrEnum):
    """What an activation does with the people on a platform; opt-outs and withdrawn consent leave in every mode.

    `mirror`: exactly the audience is there. `add_only`: nobody is taken out. `remove_only`: nobody is added; who stays
    stays with what they were sent with, and is sent again with just that before the platform lets them expire.
    `replace`: as `mirror`, by the platform's own call that puts a whole list in the place of the old one.
    """

    MIRROR = "mirror"
    ADD_ONLY = "add_only"
    REMOVE_ONLY = "remove_only"
    REPLACE = "replace"


class VerifiedBy(enum.StrEnum):
    """What our requests and our reading of answers are checked against in tests, the strongest of them."""

    OFFICIAL_SDK = "official SDK"
    PROTO = "proto"
    OPENAPI = "OpenAPI"
    FACTS_ONLY = "facts only"


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """How one match key goes over the wire: the platform's field, the normal form, and how that is written.

    For destinations with a connector the normal form is also the column of hashed_audience.
    """

    field: str
    form: str
    encoding: Encoding = Encoding.SHA256_HEX


@dataclasses.dataclass(frozen=True, slots=True)
class Quota:
    """Requests that one account may make in a stretch of seconds, and in any 24 hours.

    `per_day`: None where the platform tells no such number. `shared_by`: whose the requests of a day are, where several
    accounts share them and the plan says which do (Google: the Cloud project); empty: the account's own.
    """

    requests: int
    per_seconds: float
    per_day: int | None = None
    shared_by: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Follow:
    """How often a platform wants to be asked about a job, by its own advice. Seconds.

    A job that has not ended after `give_up`, or of which nothing can be read by then, is followed no more: its people
    are in doubt, and are sent again.
    """

    first: float
    multiplier: float
    longest: float
    give_up: float


@dataclasses.dataclass(frozen=True, slots=True)
class Replacing:
    """A platform's own replace: a session whose first batch takes everybody out, so it has to be filled in time.

    `window_seconds`: from the first batch until the platform ends the session by itself. `most_members`: of an audience
    that it will replace. Until its session has ended nothing else may edit the audience. `rest_seconds`: after which
    the next list may go, where nothing says that the platform works on lists in the order in which they came.
    """

    window_seconds: float
    most_members: int
    rest_seconds: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Workflow:
    """A platform that takes people in several calls: open a job, upload to it, commit it (see WorkflowDestination).

    What is opened and committed at once is a session: the batches of one lane of one phase, at most `batches` of them
    (0: all; 1: every upload has a job or an address of its own).
    `opens`: a call before the first upload, whose answer names what the uploads need (a job's id, an address).
    `commits`: a call after the last upload. Before it the platform does nothing with what it was given, so uploads that
    are never committed reach nobody, and may be repeated.
    `valid_for`: seconds for which what `open` gave can be used; a later process begins the session again.
    `one_at_a_time`: the job of a session has to end before the next may be opened.
    `placeholders`: what a preview shows for each thing that an answer names.

    Google jobs, Data Cloud: opens and commits. TikTok files: commits, 49 batches. Pinterest files: both, 10 batches.
    Microsoft Bulk, The Trade Desk files: opens, 1 batch, no commit.
    """

    opens: bool = True
    commits: bool = True
    batches: int = 0
    valid_for: float = 3_600.0
    one_at_a_time: bool = False
    placeholders: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Erasure:
    """A platform's own call that makes it forget people, whatever audience they were in.

    `members`: people in a request. `within_days`: after which it is done by the platform's word; 0 where the answer
    says that it is. `reaches`: what is erased, in a few words for a person who reads it.
    `by_identifiers`: the call names identifiers also where the audience goes by our id of a person
    (`known_by_member`), so that all that a person was ever sent with is named.
    """

    members: int
    within_days: int
    reaches: str
    by_identifiers: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Contract:
    """What a platform accepts, declared once; limits, documentation and checks are derived from it.

    `match_groups`: a person is usable when every key of at least one group is known.
    `identifying`: keys of which any single one makes the platform add or remove a person.
    `readings`: what the platform's texts leave open about a key, by the setting of an account that chooses. An audience
    keeps the one by which its people were sent: whoever leaves has to be named by the digest that was sent.
    `lanes`: where one request (or list, or file) takes some of the keys only, the keys that travel together, in the
    order of sending. Every key is in exactly one lane and no match group in two. A person goes in each lane of which
    they complete a group, with one record per lane. Empty: one request takes all keys of a person.
    `minimum_members`: the smallest audience that the platform can use.
    `expiry_days`: after how many days a member leaves by itself, None where never; adding a member again renews it.
    `refresh_share`: the part of that time after which members are added again.
    `expires_by_audience`: that time is given to an audience when it is made, so that one which was made elsewhere may
    have another; of an adopted one the plan states it (`adopted_expiry_days`).
    `modes`: what the plan may ask for here; `replacing` is set where `replace` is among them.
    `follow`: set where a request is only a job that the platform works on later.
    `workflow`: set where a delivery is several calls instead of one request a batch.
    `statements`: what the plan has to state about each activation, and the words the platform takes for it.
    `consent`: columns of a person's own answers that the platform takes with each person.
    `said_of_people`: what an account's settings make each upload say of people, in a word or two, where no column says
    it. When it changes everybody is sent again: the platform would go on with what was said of those who are there.
    `value_field`: the platform's field for what a person is worth, where an audience can be by value; empty elsewhere.
    `on_refused_removal`: what becomes of an audience that the platform lets nobody out of (too small, unsupported) when
    somebody said no: `delete` it with everybody in it, or leave it to a person.
    `on_full_list`: what becomes of an audience whose lists take no more files: `renew` deletes it with everybody in it
    and fills a new one at once, or a person decides. How many there are, and how many are left to noes: `more_limits`.
    `keeps_people`: deleting an audience leaves its people marked on the platform; everybody is taken out instead, and
    the empty audience stays.
    `endpoint`: the platform's published address; a deployment may name another (a sandbox, a region).
    `signed_for`: the AWS service that requests are signed for, where a destination is one; it knows no token.
    `files_signed_for`: the AWS service that requests below /s3/ are signed for, where a destination with a token takes
    files from a bucket of ours.
    `token_header`: the header that carries the access token: as a bearer token in `Authorization`, bare in any other.
    `secret_headers`: headers that carry further secrets of an account -> each one's name in its secret.
    `token_proof`: the query field that proves an app by its `app_secret`, where the account's secret has one: the hex
    HMAC-SHA-256 of the access token under it. Empty where a platform knows no such proof.
    `identity_map`: address of the service that makes a platform's ids of hashes while they are sent, for a destination
    that is a MappedDestination. Its keys are `identity_map_key` and `identity_map_secret` of the account's secret.
    `known_by_member`: a removal names our id of the person, so that identifiers that people share part nobody.
    `list_per_lane`: an audience is a list for each lane, and the plan adopts each: `email:7038 phone:7039`.
    `token_days`: for how long the platform's refresh token lives, after which a person authorises the account anew;
    None where it lives for as long as it is used.
    `more_limits`: what the platform limits beyond a request, a stretch of time and a member's life. One of each thing
    and of each `per`; the connector takes its numbers from here.
    `erasure`: set where the destination is an ErasingDestination. Without it whoever is to be forgotten is taken out of
    the audience, and what the platform keeps beyond is its own affair.
    `verified_by`: what the connector is checked against in tests, and `verified_with` the name and version of it.
    """

    platform: str
    version: int
    pattern: Pattern
    match_keys: Mapping[MatchKey, Sent]
    match_groups: tuple[tuple[MatchKey, ...], ...]
    identifying: tuple[MatchKey, ...]
    batch_members: int
    batch_bytes: int
    quota: Quota
    minimum_members: int
    expiry_days: int | None
    first_party_only: bool
    evidence: str
    follow: Follow | None = None
    statements: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    consent: tuple[str, ...] = ()
    said_of_people: str = ""
    value_field: str = ""
    on_refused_removal: Literal["delete", "needs_human"] = "needs_human"
    on_full_list: Literal["renew", "needs_human"] = "needs_human"
    keeps_people: bool = False
    known_by_member: bool = False
    list_per_lane: bool = False
    token_days: int | None = None
    endpoint: str = ""
    signed_for: str = ""
    files_signed_for: str = ""
    readings: Mapping[str, Reading] = dataclasses.field(default_factory=dict)
    lanes: tuple[tuple[MatchKey, ...], ...] = ()
    workflow: Workflow | None = None
    token_header: str = "Authorization"  # noqa: S105 - the name of a header
    secret_headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    token_proof: str = ""
    identity_map: str = ""
    modes: tuple[Mode, ...] = (Mode.MIRROR, Mode.ADD_ONLY, Mode.REMOVE_ONLY)
    replacing: Replacing | None = None
    erasure: Erasure | None = None
    more_limits: tuple[Limit, ...] = ()
    refresh_share: float = 0.8
    expires_by_audience: bool = False
    verified_by: VerifiedBy = VerifiedBy.FACTS_ONLY
    verified_with: str = ""

    def __post_init__(self) -> None:
        laned = [key for lane in self.lanes for key in lane]
        if self.lanes and sorted(laned) != sorted(self.match_keys):
            raise PermanentError(f"{self.platform}: lanes do not name every match key once; correct the contract")
        if any(not any(set(group) <= set(lane) for lane in self.lanes) for group in self.match_groups if self.lanes):
            raise PermanentError(f"{self.platform}: a match group is in no lane as a whole; correct the contract")
        if self.lanes and Mode.REPLACE in self.modes:
            # Each lane would begin a session of its own, whose first batch takes everybody out.
            raise PermanentError(f"{self.platform}: a platform with lanes cannot replace; correct the contract")

    @property
    def takes_people_out(self) -> bool:
        """Whether single people can be taken out of an audience; of any other everybody goes at once."""
        return not {Mode.MIRROR, Mode.REMOVE_ONLY}.isdisjoint(self.modes)

    def limit(self, counts: Counted, per: str = "") -> Limit | None:
        """The limit of one thing, of one `per` where it has several; None where none is declared."""
        return next((one for one in self.more_limits if one.counts is counts and per in {"", one.per}), None)

    def forms(self) -> tuple[str, ...]:
        """Columns of hashed_audience that this platform is sent: identifiers in the order of the wire, then consent."""
        return (*(sent.form for sent in self.match_keys.values()), *self.consent)
