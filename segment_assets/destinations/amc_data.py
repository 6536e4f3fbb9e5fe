"""Amazon Marketing Cloud's advertiser data upload: people go into a data set as rows of files in our own S3 bucket.

Belongs here: the contract, data sets, uploads and their order. Not here: rows (`amc_data_files`), manifests on their
way (`amc_data_manifests`), reading answers (`amc_data_answers`), audiences that the DSP serves (`amc`).
Source: advertising.amazon.com (AMC guides "Advertiser data upload": prepare data, S3 bucket, datasets, data uploads,
identity deletion; consent management) and Amazon's OpenAPI "Advertiser Data Upload" 3.0, which no package carries, so
that it is in our tests as facts; as of autumn 2026.

A data set is a table that queries in AMC are joined with by `user_id`, which AMC writes where it knows somebody; the
identifiers are discarded then. It serves no ads by itself: a rule-based audience is made of it, in AMC.

Each phase of a delivery looks at the data set, puts its files, puts a manifest that names them, and makes the upload
that names the manifest. AMC reads all of them or none, since one row that does not fit the data set fails the upload;
it tells how many rows it loaded, and nobody by name. A row whose consent is denied it leaves out.

AMC takes no single row back: an upload adds rows, or replaces all. So a row says whether somebody is in (`is_member`,
1 or 0), and of each `member`, our id, the row with the greatest `changed` counts. A query for the people of a segment:
`SELECT r.user_id FROM <data set> r JOIN (SELECT member, MAX(changed) AS newest FROM <data set> GROUP BY member) m
ON r.member = m.member AND r.changed = m.newest WHERE r.is_member = 1`. Rows of those who left stay until the data set
is deleted. Whoever asks to be forgotten is deleted from every data set of the instance by AMC's own call.

A removal carries the plan's `removal_signal`, since AMC may load no row without a signal. The policy of the bucket lets
the instance's data upload account read it, and the bucket is tagged with `instanceId`, but in the connected account.
Nothing needs the files once an upload has ended: give their folder a rule that deletes them, after a week at the
earliest. Tokens and addresses of regions are as for `amazon_ads`; the login also needs the scope of data providers.
"""

from __future__ import annotations

import dataclasses
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from segment_assets.contracts import (
    CONSENT_COLUMNS,
    Answer,
    Contract,
    Counted,
    Erasure,
    Follow,
    Kept,
    Limit,
    MatchKey,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    Step,
    StepAnswer,
    Workflow,
)
from segment_assets.destinations import amc_data_answers as answers
from segment_assets.destinations import amc_data_files as files
from segment_assets.destinations import amc_data_manifests as manifests
from segment_assets.destinations.amazon_ads_datasets import MARKETPLACES
from segment_assets.destinations.amazon_ads_people import STATEMENTS, all_stated
from segment_assets.destinations.amazon_regions import in_region
from segment_assets.destinations.liveramp_answers import is_throttle, must_be_stored
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, JobReport, Member, Response, Session, Transport

_ROUTE = route("amazon", "amc_data")
# Names and places would go with a street only, which no segment has.
_IDENTIFYING = _ROUTE.identifying
_KEYS = {key: _ROUTE.match_keys[key] for key in (*_IDENTIFYING, MatchKey.COUNTRY)}

CONTRACT = Contract(
    platform="amc_data",
    version=1,
    pattern=Pattern.MULTI_STEP,
    match_keys=_KEYS,
    match_groups=tuple((key,) for key in _IDENTIFYING),
    identifying=_IDENTIFYING,
    readings=_ROUTE.readings(*_KEYS),
    # Ours: a small part of the gigabyte that a file should stay below.
    batch_members=50_000,
    batch_bytes=20_000_000,
    # Not published. A phase has two calls beside its files, and one for each look.
    quota=Quota(requests=2, per_seconds=1),
    minimum_members=100,  # distinct users, in each row of a query's result
    expiry_days=None,
    first_party_only=True,
    evidence="how many rows an upload loaded; AMC names nobody, and whom it matched is to be asked by a query",
    # AMC asks for a minute before the first look; its own example took a quarter of an hour. The rest is our guess.
    follow=Follow(first=60.0, multiplier=1.5, longest=1_800.0, give_up=172_800.0),
    # The opening only looks at the data set, which does not age: a week.
    workflow=Workflow(valid_for=604_800.0, placeholders={"dataset": "{dataset}"}),
    # AMC takes these words only; what is neither granted nor denied goes as an empty cell. Uploads know of no cookies.
    statements={name: words for name, words in STATEMENTS.items() if name != "amzn_ad_storage"},
    consent=CONSENT_COLUMNS,
    known_by_member=True,
    # A request has 1,000 identities at most, and a person up to three. The time is inferred: it is Amazon's word on its
    # other deletion calls.
    erasure=Erasure(
        members=333,
        within_days=30,
        reaches="every data set of the instance",
        by_identifiers=True,
    ),
    endpoint="https://advertising-api.amazon.com",
    files_signed_for="s3",
    secret_headers={"Amazon-Advertising-API-ClientId": "client_id"},
    more_limits=(
        Limit(Counted.CHARACTERS, 57, "data set", Kept.CUT, source="ours: none that was read"),
        Limit(Counted.FILE_BYTES, 1_000_000_000, "file", Kept.WITHIN, source="AMC guide, prepare data"),
        Limit(Counted.IDENTIFIERS, 1_000, "request of deletion", Kept.WITHIN, source="Amazon's OpenAPI"),
    ),
)

_DATASETS, _UPLOADS, _DELETION = (
    f"application/vnd.amc{name}.v1+json"
    for name in ("advertiserdataset", "advertiserdataupload", "advertiseruserdeletionrequest")
)
_SETTINGS = ("amc_account", "marketplace", "country", "bucket", "prefix", "region", *CONTRACT.readings)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# AMC passes over files whose names begin with a dot or an underscore.
_PREFIX = re.compile(r"[A-Za-z0-9-][\w.-]*(?:/[A-Za-z0-9-][\w.-]*){0,9}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}")
_MOST_UPLOADS_OF_A_PAGE = "100"


@dataclasses.dataclass(frozen=True, slots=True)
class AmazonAdvertiserData:
    """One AMC instance, for one activation of the plan. `account` is the instance's id; the others are as in `connect`.

    `statements` are the plan's words on the activation; people can be taken out without them, and never be added.
    """

    account: str
    amc_account: str
    marketplace: str
    bucket: str
    prefix: str
    country: str = ""
    statements: Mapping[str, str] = dataclasses.field(default_factory=dict)
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        ids = dict.fromkeys(("account", "amc_account", "marketplace"), _ID)
        for name, pattern in {**ids, "bucket": _BUCKET, "prefix": _PREFIX}.items():
            if not pattern.fullmatch(getattr(self, name)):
                raise PermanentError(f"amc_data: {name} is missing or has not its form; correct it in the plan")
        if self.country and not _COUNTRY.fullmatch(self.country):
            raise PermanentError("amc_data: country is no code of two letters; correct it in the plan")

    def carried(self, transport: Transport) -> Transport:
        """The way of manifests: behind each goes the call that makes its upload."""
        return manifests.ManifestTransport(transport, self._upload)

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The data set whose name ends with our marker, if it is there. Names are unique in an instance."""
        dataset = files.dataset(spec, self.contract)
        response = transport.send(self._asked("GET", f"dataSets/{dataset}", _DATASETS))
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        answers.accepted(response, self._us)
        return dataset

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Define an empty data set. One of its name has our marker: it is this one."""
        dataset = files.dataset(spec, self.contract)
        definition = {"dataSetId": dataset, "description": spec.name, "columns": files.columns(self.contract)}
        definition |= {"countryCode": self.country} if self.country else {}
        response = transport.send(self._asked("POST", "dataSets", _DATASETS, {"dataSet": definition}))
        # AMC says that a name is taken by an error, and not by which.
        if answers.may_be_there(response) and self.find_audience(transport, spec):
            return dataset
        answers.accepted(response, self._us)
        return dataset

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete a data set with everybody in it. Gone already is fine."""
        response = transport.send(self._asked("DELETE", f"dataSets/{audience_id}", _DATASETS))
        if response.status != HTTPStatus.NOT_FOUND:
            answers.accepted(response, self._us)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The file of one batch, which is the same whenever it is put. It reaches nobody before the upload.

        Raises NeedsHumanError when people would be added without the plan's statements.
        """
        stated = all_stated(self.contract, self.statements, self.account) if operation is Operation.ADD else None
        text = files.rows(members, self.contract, session.rank, stated)
        return self._put(manifests.file(audience_id, operation, manifests.noted(session)), text, "text/csv")

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Whether S3 keeps the file."""
        must_be_stored(response, self._us)
        received, noted = session.received_before + len(members), manifests.noted(session)
        return Answer(len(members), 0, {}, len(members), received, str(response.status), noted=noted)

    def step_request(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request:
        """Opening looks at the data set; committing puts the manifest, which the upload follows (`carried`)."""
        if step is Step.OPEN:
            return self._asked("GET", f"dataSets/{audience_id}", _DATASETS)
        names = [manifests.file(audience_id, operation, noted) for noted in session.uploads]
        listed = "".join(f"s3://{self.bucket}/{self.prefix}/{name}\n" for name in names)
        return self._put(manifests.manifest(audience_id, operation, session), listed, "text/plain")

    def read_step(self, step: Step, session: Session, response: Response) -> StepAnswer:
        """The data set by its name; of the upload its id, and the rows that it has."""
        code = str(response.status)
        if step is Step.OPEN:
            body = answers.accepted(response, self._us)
            wanted = [column["name"] for column in files.columns(self.contract)]
            return StepAnswer(code, noted={"dataset": answers.dataset(body, wanted, self._us)})
        if response.json is None:
            must_be_stored(response, self._us)
        upload = answers.upload_id(answers.accepted(response, self._us), self._us)
        return StepAnswer(code, job=self._job(upload, session))

    def step_question(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request | None:
        """Whether there is an upload of the manifest. One made twice does no harm: its rows say the same."""
        del operation, session
        if step is Step.OPEN:
            return None
        params = {"dataSetId": audience_id, "maxResults": _MOST_UPLOADS_OF_A_PAGE}
        return dataclasses.replace(self._asked("POST", "uploads/list", _UPLOADS), params=params)

    def read_step_question(self, step: Step, session: Session, response: Response) -> StepAnswer | None:
        """The upload whose manifest is the session's."""
        del step
        upload = answers.upload_of(answers.accepted(response, self._us), manifests.ending(session))
        return StepAnswer(str(response.status), job=self._job(upload, session)) if upload else None

    def ask_job(self, transport: Transport, job: str) -> JobReport:
        """How an upload is. Raises as `read` does."""
        dataset, upload, rows = job.split(" ")
        response = transport.send(self._asked("GET", f"uploads/{dataset}/{upload}", _UPLOADS))
        return answers.report(answers.accepted(response, self._us), int(rows))

    def erasure(self, members: Sequence[Member], session: Session) -> Request:
        """The call that deletes people from every data set of the instance, each identifier as a target of its own.

        Whether a target of several has to fit as a whole AMC does not say.
        """
        del session  # a request stands alone here
        body = {"targetIdentities": [one for member in members for one in files.targets(member, self.contract)]}
        return self._asked("POST", "userDeletionRequest", _DELETION, body)

    def read_erasure(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Taken on as a whole, under an id."""
        answers.must_be_taken_on(answers.accepted(response, self._us), self._us)
        received = session.received_before + len(members)
        return Answer(len(members), len(members), {}, 0, received, str(response.status))

    @staticmethod
    def is_throttle(response: Response) -> bool:
        """S3 says it with 503, Amazon Ads with 429."""
        return is_throttle(response)

    def _upload(self, path: str) -> Request:
        """The call that has AMC load the files of the manifest at a path."""
        key = path.removeprefix(f"/s3/{self.bucket}/")
        body: dict[str, object] = {
            "updateStrategy": "ADDITIVE",
            "compressionFormat": "NONE",
            "dataSource": {"sourceS3Bucket": self.bucket, "sourceManifestS3Key": key},
            "fileFormat": {"csvDataFormat": {"fieldDelimiter": ","}},
        }
        body |= {"countryCode": self.country} if self.country else {}
        return self._asked("POST", f"uploads/{manifests.dataset_of(key)}", _UPLOADS, body)

    @staticmethod
    def _job(upload: str, session: Session) -> str:
        return f"{session.noted['dataset']} {upload} {session.members_in_total}"

    def _put(self, name: str, text: str, content_type: str) -> Request:
        path = f"/s3/{self.bucket}/{self.prefix}/{name}"
        return Request("PUT", path, content=text.encode(), content_type=content_type)

    def _asked(self, method: str, path: str, kind: str, body: object | None = None) -> Request:
        headers = {
            "Amazon-Advertising-API-AdvertiserId": self.amc_account,
            "Amazon-Advertising-API-MarketplaceId": self.marketplace,
            "Accept": kind,
        }
        headers |= {} if body is None else {"Content-Type": kind}
        return Request(method, f"/amc/advertiserData/{self.account}/{path}", json=body, headers=headers)

    @property
    def _us(self) -> str:
        return f"amc_data instance {self.account}"


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> AmazonAdvertiserData:
    """One AMC instance of the plan.

    Settings: `amc_account` (Amazon's id of the account that has the instance), `bucket`, `prefix` (the folder of this
    instance, segment-assets/<account> without one), `country` of people whose own is not known, `marketplace` (its id,
    without one the country's own), `region` (na, eu, fe, without it the country's own).
    """
    given = known_settings("amc_data", settings, _SETTINGS)
    country = given.get("country", "").upper()
    return AmazonAdvertiserData(
        account,
        amc_account=given.get("amc_account", ""),
        marketplace=given.get("marketplace", MARKETPLACES.get(country, "")),
        bucket=given.get("bucket", ""),
        prefix=given.get("prefix", f"segment-assets/{account}"),
        country=country,
        statements=statements,
        contract=in_region(CONTRACT, given),
    )
