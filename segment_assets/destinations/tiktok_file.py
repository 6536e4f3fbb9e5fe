"""TikTok by file: people of customer file audiences of an advertiser, brought by files of digests.

Belongs here: TikTok's contract and wire format for `dmp/custom_audience`. Not here: streaming into partner audiences
(`tiktok`; one audience never mixes the two), reading answers (`tiktok_file_answers`), pacing, receipts.
Source: TikTok API for Business v1.3; tiktok-business-api-sdk-official 1.1.3 (calls, fields, envelope, codes); the
connector of AWS's guidance and Treasure Data's (a file has no header; 50 MB a file). As of autumn 2026.

A file and an audience hold one kind of identifier, so one of our audiences is one list of TikTok's for each kind that
TikTok knows, of which the plan may send fewer: campaigns name all of them. A list cannot be made empty: it begins with
one digest that is nobody's, made of our marker, which also stands at the end of each name. No retention is set, since
nothing would renew it: without one a list ends 365 days after its last change or use, and every delivery is a change.

TikTok takes no change after which a list has fewer than a thousand people, and says so only later. Smaller kinds
belong to the streaming connector, or are left out in the plan (`match_keys`). The removal of somebody who said no is
refused as well then: after three tries the audience is deleted, and the next run makes a new one without them.

A list takes 500 files in its life, and nothing that was read says that a replace begins anew; nor does TikTok tell how
many it has, so the ledger counts. Long before the end a person is told; at 450 only people who say no are delivered.
The setting `full_list: renew` lets the lists be deleted then and new ones filled at once, which campaigns have to be
given; without it a person does that. An adopted list may have more files than we know of.

Whether a change has been worked through shows from the list's history, where one has to stand that was not there
before it. If TikTok's history should not show it, the setting `followed_by: state` goes by the list's state alone, and
may then take the state before the change for the one after it.

The phone has no plus here, as the only digest that TikTok publishes; the setting `phone_plus` takes the other reading.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import (
    Answer,
    Contract,
    Counted,
    Follow,
    Kept,
    Limit,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    Step,
    StepAnswer,
    TransientError,
    VerifiedBy,
    Workflow,
)
from segment_assets.destinations import tiktok_file_answers as answers
from segment_assets.destinations.form_data import CONTENT_TYPE, form_data
from segment_assets.destinations.limits import fitted, tell_a_full_account
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.tiktok_answers import GONE, accepted, is_throttle, told_code
from segment_assets.destinations.tiktok_lists import audiences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, JobReport, MatchKey, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("tiktok", "file")

CONTRACT = Contract(
    platform="tiktok_file",
    version=1,
    pattern=Pattern.MULTI_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    readings=_ROUTE.readings(),
    lanes=tuple((key,) for key in _ROUTE.match_keys),
    list_per_lane=True,
    # Ours: a file of 7 MB. Other vendors cut at 50 MB, which is more than a process should hold several times, and
    # with smaller ones the first delivery of a large audience would use up many of a list's files.
    batch_members=100_000,
    batch_bytes=30_000_000,
    # Of an app of the basic level, reported and not published.
    quota=Quota(requests=10, per_seconds=1),
    minimum_members=1_000,
    # A list ends as a whole (see above); whoever is in it stays as long.
    expiry_days=None,
    first_party_only=False,
    # A list that would become too small is left as it is, which shows a day later.
    on_refused_removal="delete",
    evidence="a list whose change was worked through, and whether all rows could be read; nothing about one person",
    # TikTok speaks of 24 to 48 hours; how often it may be asked is ours.
    follow=Follow(first=3_600.0, multiplier=1.5, longest=21_600.0, give_up=259_200.0),
    # Fewer than 50 files in a call are recommended. The opening only looks at the list as it is before.
    workflow=Workflow(batches=49, placeholders={"list": "{list}", "before": "", "file_path": "{file}"}),
    endpoint="https://business-api.tiktok.com",
    token_header="Access-Token",  # noqa: S106  the name of a header
    more_limits=(
        Limit(Counted.AUDIENCES, 400, "advertiser", Kept.REFUSED, source="another vendor's connector"),
        Limit(Counted.CHARACTERS, 128, "list", Kept.CUT, source="public clients' copies of the reference"),
        # Ours: a tenth for people who say no.
        Limit(Counted.FILES, 500, "list", Kept.COUNTED, source="AWS's guidance, another vendor", reserve=50),
        Limit(Counted.FILE_BYTES, 50_000_000, "file", Kept.WITHIN, source="AWS's guidance, another vendor"),
        Limit(Counted.DAYS_UNUSED, 365, "list", Kept.ONLY_TOLD, source="public clients' copies of the reference"),
    ),
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="tiktok-business-api-sdk-official 1.1.3",
)

_API = "/open_api/v1.3/dmp/custom_audience"
_ACCOUNT = re.compile(r"[0-9]{1,20}")
_MARKER_DIGITS = 16
_DIGEST_BYTES = 32
_HISTORY = 20
_FOLLOWED_BY = ("history", "state")
_USED_IN = ("NORMAL", "REACH_FREQUENCY")
_FULL_LIST = ("needs_human", "renew")
_SETTINGS = ("followed_by", "audience_sub_type", "full_list", *CONTRACT.readings)


@dataclasses.dataclass(frozen=True, slots=True)
class TikTokFiles:
    """One advertiser. `account` is its number.

    An audience's id names a list for each kind: `email:7038 phone:7039 mobile_ad_id:7040`.
    `followed_by`: `history` (the default) or `state`, by what the end of a change is told. `audience_sub_type`: what
    ads the lists are for, `NORMAL` (the default) or `REACH_FREQUENCY`.
    """

    account: str
    followed_by: str = _FOLLOWED_BY[0]
    audience_sub_type: str = _USED_IN[0]
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise PermanentError(f"tiktok_file: account {self.account!r} is not a number; correct it in the plan")
        for name, known in (("followed_by", _FOLLOWED_BY), ("audience_sub_type", _USED_IN)):
            if getattr(self, name) not in known:
                raise PermanentError(f"tiktok_file: {name} {getattr(self, name)!r} is not one of {', '.join(known)}")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The lists whose names end with their kind and our marker; those that lack beside others are made now."""
        found: dict[MatchKey, str] = {}
        for audience, key in itertools.product(
            audiences(transport, self.account, self.contract), self.contract.match_keys
        ):
            if str(audience.get("name", "")).endswith(_ending(spec, key)):
                found.setdefault(key, self._id_of(audience.get("audience_id")))
        return self._with_lists(transport, spec, found) if found else None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Make a list for each kind, that holds nobody's digest."""
        return self._with_lists(transport, spec, {})

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete the lists with everybody in them. One that TikTok does not know any more counts as deleted."""
        for list_id in answers.lists_of(audience_id):
            body = {"advertiser_id": self.account, "custom_audience_ids": [list_id]}
            response = transport.send(Request("POST", f"{_API}/delete/", json=body))
            if told_code(response) != GONE:
                accepted(response, self._us)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The file of one batch: a digest a line, in the order of the batch. It reaches nobody before the update."""
        del audience_id, operation
        (key,) = session.lane
        return self._upload(key, (self._digest(member, key) for member in members))

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Where TikTok keeps the file. A file that is refused for something in it is sent in halves."""
        path = answers.file_path(accepted(response, self._us, has_people=True), self._us)
        count = len(members)
        received, code = session.received_before + count, str(told_code(response))
        return Answer(count, 0, {}, count, received, code, noted={"file_path": path})

    def step_request(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request:
        """Opening looks at the list; committing names the files, and what becomes of the people in them."""
        (key,) = session.lane
        list_id = answers.list_for(audience_id, key, self._us)
        if step is Step.OPEN:
            return self._look([list_id])
        body = {
            "advertiser_id": self.account,
            "custom_audience_id": list_id,
            # Without it TikTok replaces everybody; and without the other a list is for ordinary ads.
            "action": _ACTIONS[operation],
            "audience_sub_type": self.audience_sub_type,
            "file_paths": [upload["file_path"] for upload in session.uploads],
        }
        return Request("POST", f"{_API}/update/", json=body)

    def read_step(self, step: Step, session: Session, response: Response) -> StepAnswer:
        """The list and its newest change before this one; and, of an update, that there is something to follow."""
        code = str(told_code(response))
        try:
            body = accepted(response, self._us)
        except PermanentError as refusal:
            limit = self.contract.limit(Counted.FILES)
            if step is Step.OPEN or limit is None:
                raise
            refused = PermanentError(
                f"{refusal}. A list that has {limit.most} files already, as an adopted one may, takes no more"
            )
            refused.code = refusal.code
            raise refused from refusal
        if step is Step.OPEN:
            (shown,) = answers.shown(body, 1, self._us)
            return StepAnswer(code, noted={"list": shown.list_id, "before": shown.changed})
        # With the token: two changes of as many people are two jobs, also where the history shows neither.
        noted, people = session.noted, session.members_in_total
        return StepAnswer(code, job=f"{noted['list']} {people} {session.token:x} {noted['before']}")

    def step_question(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request | None:
        """Nothing: who is in a list already is not added twice, nor taken out twice."""
        del step, audience_id, operation, session
        return None

    def read_step_question(self, step: Step, session: Session, response: Response) -> None:
        """Never asked."""

    def ask_job(self, transport: Transport, job: str) -> JobReport:
        """How the list is since its change was asked for."""
        list_id, people, _, before = job.split(" ", 3)
        body = accepted(transport.send(self._look([list_id])), self._us)
        return answers.report(body, int(people), before if self.followed_by == _FOLLOWED_BY[0] else None)

    def size_request(self, audience_id: str) -> Request:
        """The call that asks about all lists."""
        return self._look(answers.lists_of(audience_id))

    def read_size(self, response: Response) -> SizeReport:
        """Size and state. Raises as `read` does."""
        return answers.size_report(accepted(response, self._us))

    @staticmethod
    def is_throttle(response: Response) -> bool:
        """Whether an answer asks for a slower pace."""
        return is_throttle(response)

    def _with_lists(self, transport: Transport, spec: AudienceSpec, found: Mapping[MatchKey, str]) -> str:
        """The audience's id, once every kind has its list."""
        return " ".join(
            f"{key.value}:{found.get(key) or self._created(transport, spec, key)}" for key in self.contract.match_keys
        )

    def _created(self, transport: Transport, spec: AudienceSpec, key: MatchKey) -> str:
        nobody = hashlib.sha256(f"segment_assets {spec.marker}".encode()).hexdigest()
        uploaded = accepted(transport.send(self._upload(key, [nobody])), self._us)
        body = {
            "advertiser_id": self.account,
            "custom_audience_name": fitted(self.contract, spec.name, _ending(spec, key)),
            "calculate_type": self.contract.match_keys[key].field,
            "file_paths": [answers.file_path(uploaded, self._us)],
            "audience_sub_type": self.audience_sub_type,
            "audience_enhancement": False,
        }
        response = transport.send(Request("POST", f"{_API}/create/", json=body))
        try:
            return self._id_of(accepted(response, self._us).get("custom_audience_id"))
        except PermanentError as refusal:
            there = audiences(transport, self.account, self.contract)
            tell_a_full_account(refusal, self.contract, self.account, there)
            raise

    def _upload(self, key: MatchKey, digests: Iterable[str]) -> Request:
        file = "".join(f"{digest}\n" for digest in digests).encode()
        fields = {
            "advertiser_id": self.account,
            "calculate_type": self.contract.match_keys[key].field,
            "file_signature": hashlib.md5(file, usedforsecurity=False).hexdigest(),
        }
        form = form_data(fields, "people.csv", file)
        return Request("POST", f"{_API}/file/upload/", content=form, content_type=CONTENT_TYPE)

    def _look(self, list_ids: Sequence[str]) -> Request:
        params = {
            "advertiser_id": self.account,
            "custom_audience_ids": json.dumps(list(list_ids)),
            "history_size": str(_HISTORY),
        }
        return Request("GET", f"{_API}/get/", params=params)

    def _digest(self, member: Member, key: MatchKey) -> str:
        """A raw value never passes for a digest."""
        cell = member.keys.get(self.contract.match_keys[key].form)
        if isinstance(cell, bytes) and len(cell) == _DIGEST_BYTES:
            return cell.hex()
        raise PermanentError(
            f"tiktok_file account {self.account}: a person of the batch has no digest of the lane; nothing was sent; "
            "report this as a defect"
        )

    def _id_of(self, told: object) -> str:
        list_id = answers.id_of(told)
        if list_id is None:
            raise TransientError(f"tiktok_file account {self.account}: a list came without its id; it is looked for")
        return list_id

    @property
    def _us(self) -> str:
        """The account in messages of errors, which begin with the vendor's name."""
        return f"{self.account} (files)"


_ACTIONS = {Operation.ADD: "APPEND", Operation.REMOVE: "REMOVE"}


def _ending(spec: AudienceSpec, key: MatchKey) -> str:
    return f" {key.value} {spec.marker[:_MARKER_DIGITS]}"


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> TikTokFiles:
    """One advertiser of the plan. It asks for no statements.

    Settings: `followed_by`, `audience_sub_type`, and `full_list`: what becomes of lists that take no more files
    (needs_human, or renew).
    """
    del statements
    given = {
        "followed_by": _FOLLOWED_BY[0],
        "audience_sub_type": _USED_IN[0],
        "full_list": _FULL_LIST[0],
        **known_settings("tiktok_file", settings, _SETTINGS),
    }
    if given["full_list"] not in _FULL_LIST:
        raise PermanentError(f"tiktok_file: full_list {given['full_list']!r} is not one of {', '.join(_FULL_LIST)}")
    contract = dataclasses.replace(CONTRACT, on_full_list="renew" if given["full_list"] == "renew" else "needs_human")
    return TikTokFiles(account, given["followed_by"], given["audience_sub_type"], contract)
