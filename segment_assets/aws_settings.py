"""What a deployment in an AWS account is told by its environment, each variable declared once.

Belongs here: names, meanings and forms of the variables; docs/aws.md and `segment-assets doctor` are derived from them.
Not here: reading the environment (`deployment`), what is made of them (`worlds.aws`).
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "SEGMENT_ASSETS_"
_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9][\w.=@+-]*)*/?")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_NAME = re.compile(r"[a-z0-9_]{1,255}")
_WORKGROUP = re.compile(r"[a-zA-Z0-9._-]{1,128}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECRETS = re.compile(r"[A-Za-z0-9/_+=.@-]{1,200}")
_ARN = re.compile(r"arn:[^:\s]+:[^:\s]+:[^:\s]*:[^:\s]*:\S+")
_ROLE = re.compile(r"arn:[^:\s]+:iam::\d{12}:role/\S+")
_PRINCIPAL = re.compile(r"arn:[^:\s]+:quicksight:[^:\s]+:\d{12}:(user|group)/[^/\s]+/\S+")
_KEY = re.compile(r"(arn:[^:\s]+:kms:[^:\s]+:\d{12}:(key|alias)/\S+|alias/\S+|[0-9a-f-]{36})")


def _like(pattern: re.Pattern[str], said: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(said)
        return text

    return read


def _https(text: str) -> str:
    if urlsplit(text).scheme not in {"https", "http"}:
        raise ValueError("an address, for instance https://sqs.eu-central-1.amazonaws.com/123456789012/landing")
    return text


def _texts(text: str) -> Mapping[str, str]:
    told = json.loads(text)
    if not isinstance(told, dict) or not all(isinstance(part, str) for pair in told.items() for part in pair):
        raise ValueError("a JSON object of texts")
    return told


def _arns(text: str) -> Mapping[str, str]:
    told = _texts(text)
    if not all(_ARN.fullmatch(arn) for arn in told.values()):
        raise ValueError("a JSON object of ARNs")
    return told


def _number(text: str) -> float:
    if (number := float(text)) < 0:
        raise ValueError("a number that is not negative")
    return number


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text):
        raise ValueError("a number of 12 digits")
    return text


def _principals(text: str) -> tuple[str, ...]:
    told = tuple(part for part in re.split(r"[\s,]+", text) if part)
    if not all(_PRINCIPAL.fullmatch(one) for one in told):
        raise ValueError("ARNs of QuickSight users or groups, apart by commas")
    return told


def _variable(meaning: str, read: Callable[[str], Any], default: Any = dataclasses.MISSING) -> Any:
    metadata = {"meaning": meaning, "read": read}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


_BUCKET = _like(_S3, "an S3 folder, for instance s3://bucket/prefix")
_ROLE_ARN = _like(_ROLE, "the ARN of an IAM role")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """One account, one Region. The variable of a field is SEGMENT_ASSETS_ and its name in capitals."""

    region: str = _variable(
        "the Region of everything; nothing is read or written elsewhere", _like(_REGION, "a Region")
    )
    lake: str = _variable("where tables and the ledger are", _BUCKET)
    landing: str = _variable(
        "where others drop files: <landing>/segments/<segment>/, <landing>/spend/, <landing>/erasures/", _BUCKET
    )
    clean_room_results: str = _variable("where Clean Rooms writes the results of our queries", _BUCKET)
    dashboards: str = _variable("where pages are put", _BUCKET)
    lake_database: str = _variable("the Glue database of our tables", _like(_NAME, "the name of a Glue database"))
    account_database: str = _variable(
        "the Glue database of account A's own tables", _like(_NAME, "the name of a Glue database")
    )
    workgroup: str = _variable("the Athena workgroup of insight queries", _like(_WORKGROUP, "the name of a workgroup"))
    membership: str = _variable(
        "our membership in the Clean Rooms collaboration", _like(_UUID, "the id of a membership (a UUID)")
    )
    secrets_prefix: str = _variable(
        "the beginning of our secrets' names: <prefix>/<tenant>.key, <prefix>/<destination>.<account>",
        _like(_SECRETS, "the beginning of a secret's name"),
    )
    landing_queue: str = _variable("the SQS queue with S3's events of the landing area", _https, "")
    clean_room_queue: str = _variable(
        "the SQS queue with Clean Rooms' events; without it queries are polled", _https, ""
    )
    clean_room_log_group: str = _variable(
        "the CloudWatch log group of the collaboration's analyses; without it there is no table of them",
        _like(re.compile(r"[\w./#-]{1,512}"), "the name of a log group"),
        "",
    )
    kms_key: str = _variable(
        "the KMS key of everything that is written; without it the bucket's own", _like(_KEY, "a KMS key"), ""
    )
    clean_room_templates: Mapping[str, str] = _variable(
        "query -> ARN of the analysis template that was approved for it; the others are sent as text", _arns, dict
    )
    clean_room_worker: str = _variable(
        "the workers of a query, <type>x<number>",
        _like(re.compile(r"CR\.[148]Xx\d{1,4}"), "for instance CR.1Xx4"),
        "CR.1Xx4",
    )
    glue_job: str = _variable(
        "the Glue job that digests large segments (deploy/glue); without it they are refused",
        _like(re.compile(r"[\w .-]{1,255}"), "the name of a Glue job"),
        "",
    )
    glue_staging: str = _variable("where that job leaves its parts, with a short lifecycle", _BUCKET, "")
    glue_wheel: str = _variable(
        "the wheel of this version, for that job", _like(re.compile(r"s3://\S+\.whl"), "an S3 address of a wheel"), ""
    )
    event_bus: str = _variable(
        "the EventBridge bus that is told when an audience is ready",
        _like(re.compile(r"\S{1,256}"), "a bus"),
        "default",
    )
    endpoints: Mapping[str, str] = _variable(
        "destination -> address in the place of the platform's own; <destination>.identity_map -> in the place of its "
        "identity map, needed where the destination has both; s3 -> where files of AWS's own destinations go",
        _texts,
        dict,
    )
    usd_per_crpu_hour: float = _variable("your price, for cost in metadata; 0 tells none", _number, 0.0)
    usd_per_tb_scanned: float = _variable("your price, for cost in metadata; 0 tells none", _number, 0.0)
    role_collaboration: str = _variable("assumed for Clean Rooms and its results", _ROLE_ARN, "")
    role_audience: str = _variable(
        "assumed for lake, landing area, account A's tables and the tenant's key", _ROLE_ARN, ""
    )
    role_delivery: str = _variable("assumed for platforms' tokens and AWS's own destinations", _ROLE_ARN, "")
    role_insight: str = _variable("assumed for Athena", _ROLE_ARN, "")
    role_dashboards: str = _variable("assumed for QuickSight", _ROLE_ARN, "")
    quicksight_account: str = _variable(
        "the account that has QuickSight; without it dashboards are files beside the pages", _account, ""
    )
    quicksight_readers: tuple[str, ...] = _variable(
        "who may open its dashboards: ARNs of users or groups there, apart by commas", _principals, tuple
    )
    quicksight_authors: tuple[str, ...] = _variable(
        "who may build on its data sets as well: the same", _principals, tuple
    )
    quicksight_import: str = _variable(
        "DIRECT_QUERY, or SPICE for a copy that is loaded again with every new version",
        _like(re.compile(r"DIRECT_QUERY|SPICE"), "DIRECT_QUERY or SPICE"),
        "DIRECT_QUERY",
    )

    external_id: str = _variable(
        "said when a role is assumed, where its trust policy asks for it",
        _like(re.compile(r"[\w+=,.@:/-]{2,1224}"), "an external id"),
        "",
    )

    @classmethod
    def variables(cls) -> list[tuple[str, str, bool]]:
        """(name, meaning, whether it must be set) of every variable, in order."""
        return [
            (_name(field), field.metadata["meaning"], field.default is field.default_factory is dataclasses.MISSING)
            for field in dataclasses.fields(cls)
        ]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> AwsSettings:
        """Raises PermanentError that names every variable which is missing or has not its form, never its value."""
        values: dict[str, Any] = {}
        wrong = []
        for field, (name, _, needed) in zip(dataclasses.fields(cls), cls.variables(), strict=True):
            text = environ.get(name, "")
            if not text:
                wrong += [f"{name} is missing ({field.metadata['meaning']})"] if needed else []
                continue
            try:
                values[field.name] = field.metadata["read"](text)
            except ValueError as problem:
                said = "no JSON" if isinstance(problem, json.JSONDecodeError) else str(problem)
                wrong.append(f"{name} has not its form ({said})")
        if wrong:
            raise PermanentError(f"SEGMENT_ASSETS_WORLD=aws: {'; '.join(wrong)}")
        return cls(**values)

    def __post_init__(self) -> None:
        """Raises PermanentError for a Glue job or a QuickSight without what it needs."""
        if self.glue_job and not (self.glue_staging and self.glue_wheel):
            raise PermanentError(
                f"{PREFIX}GLUE_JOB needs {PREFIX}GLUE_STAGING and {PREFIX}GLUE_WHEEL as well; set them, or none"
            )

        if bool(self.quicksight_account) != bool(self.quicksight_readers or self.quicksight_authors):
            raise PermanentError(
                f"{PREFIX}QUICKSIGHT_ACCOUNT needs {PREFIX}QUICKSIGHT_READERS or {PREFIX}QUICKSIGHT_AUTHORS, and they "
                "need it: nobody could open what is made; set both, or none"
            )

    @property
    def roles(self) -> Mapping[str, str]:
        """Duty -> ARN of the role that is assumed for it, empty where the process's own credentials serve."""
        return {
            "collaboration": self.role_collaboration,
            "audience": self.role_audience,
            "delivery": self.role_delivery,
            "insight": self.role_insight,
            "dashboards": self.role_dashboards,
        }

    @property
    def partition(self) -> str:
        """AWS's part of the world, as ARNs begin."""
        parts = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
        return next((name for start, name in parts.items() if self.region.startswith(start)), "aws")

    @property
    def worker(self) -> tuple[str, int]:
        """Type and number of a query's workers."""
        kind, _, number = self.clean_room_worker.rpartition("x")
        return kind, int(number)


def _name(field: dataclasses.Field[Any]) -> str:
    return f"{PREFIX}{field.name.upper()}"
