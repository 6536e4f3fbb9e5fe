"""The names of one deployment as ARNs.

Belongs here: ARNs of what the settings and the plan name. Not here: what may be done with them (`duties`).
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from segment_assets import destinations
from segment_assets.contracts import PermanentError
from segment_assets.resources.aws.uris import bucket_and_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.aws_settings import AwsSettings
    from segment_assets.contracts import Contract
    from segment_assets.plan import Account, Plan

_ACCOUNT = re.compile(r"\d{12}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One account and Region. `runtime` is the ARN of the role in which our code runs (the task's).

    `account_data` are the S3 folders of account A's own tables, which Glue knows and the settings do not.
    `external_id` is asked of whoever assumes a duty's role, where the roles are in another account than the runtime.
    Raises PermanentError for an account number that is none, or that is not the one of a role in the settings.
    """

    account: str
    settings: AwsSettings
    plan: Plan
    runtime: str
    account_data: Sequence[str] = ()
    external_id: str = ""

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise PermanentError("the account is not a number of 12 digits; `aws sts get-caller-identity` tells it")
        if not _ROLE.fullmatch(self.runtime):
            raise PermanentError(
                "the runtime is not the ARN of an IAM role; give the role of the task that runs the code"
            )
        for duty, arn in self.settings.roles.items():
            if arn and arn.split(":")[4] != self.account:
                raise PermanentError(
                    f"the role for {duty} is of another account than the one given; look which is wrong"
                )

    @property
    def partition(self) -> str:
        """AWS's part of the world."""
        return self.settings.partition

    @property
    def dns(self) -> str:
        """What the names of services end with there."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def arn(self, service: str, rest: str) -> str:
        """Of something in this account and Region."""
        return f"arn:{self.partition}:{service}:{self.settings.region}:{self.account}:{rest}"

    def bucket(self, address: str) -> str:
        """Of the bucket of s3://bucket/prefix."""
        return f"arn:{self.partition}:s3:::{bucket_and_prefix(address)[0]}"

    def objects(self, address: str, below: str = "") -> str:
        """Of every object below s3://bucket/prefix, or below a folder of it."""
        return f"{self.bucket(address)}/{bucket_and_prefix(address)[1]}{below}*"

    def tables(self, database: str, names: Sequence[str]) -> list[str]:
        """A database and some of its tables; Glue asks for the catalogue too."""
        return [self.arn("glue", f"database/{database}"), *(self.arn("glue", f"table/{database}/{n}") for n in names)]

    def glue(self, *databases: str) -> list[str]:
        """The catalogue, the databases and their tables: Glue asks for all three."""
        return [
            self.arn("glue", "catalog"),
            *(self.arn("glue", f"database/{name}") for name in databases),
            *(self.arn("glue", f"table/{name}/*") for name in databases),
        ]

    def secret(self, name: str) -> tuple[str, str]:
        """Of a secret of ours, as it is asked for and as it is called: AWS hangs six signs on every name."""
        arn = self.arn("secretsmanager", f"secret:{self.settings.secrets_prefix.rstrip('/')}/{name}")
        return arn, f"{arn}-??????"

    def key(self) -> tuple[str, dict[str, dict[str, str]]]:
        """Of the KMS key, and a condition: a key that is named by an alias cannot be named as a resource."""
        said = self.settings.kms_key
        if ":alias/" in said or said.startswith("alias/"):
            alias = f"alias/{said.partition('alias/')[2]}"
            return self.arn("kms", "key/*"), {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        return (said if said.startswith("arn:") else self.arn("kms", f"key/{said}")), {}

    def queue(self, url: str) -> str:
        """Of a queue by its address."""
        account, _, name = urlsplit(url).path.strip("/").rpartition("/")
        return f"arn:{self.partition}:sqs:{self.settings.region}:{account or self.account}:{name}"

    def bus(self) -> str:
        """Of the event bus."""
        bus = self.settings.event_bus
        return bus if bus.startswith("arn:") else self.arn("events", f"event-bus/{bus}")

    def platforms(self) -> list[str]:
        """The plan's destinations that are given a token or a password, sorted."""
        return sorted({account.destination for account, contract in self._accounts() if not contract.signed_for})

    def signed(self, service: str) -> list[tuple[str, dict[str, str]]]:
        """Name and settings of the plan's accounts at a destination that is a service of AWS, or takes files by one."""
        return [
            (account.account, dict(account.settings))
            for account, contract in self._accounts()
            if service in {contract.signed_for, contract.files_signed_for}
        ]

    def _accounts(self) -> Iterator[tuple[Account, Contract]]:
        for _, account in sorted(self.plan.accounts.items()):
            yield account, destinations.contract_of(account.destination, account.account, account.settings)
