"""One way into an AWS account: a Region, optionally a role, and the clients that follow from both.

Belongs here: credentials (botocore's own chain, or an assumed role that is renewed), time-outs, retries, the Region.
Not here: what any service is asked (the other modules of this package), what its errors mean (`errors`).

Addresses in the place of AWS's own (an emulator, a VPC endpoint) are botocore's settings: AWS_ENDPOINT_URL, and
AWS_ENDPOINT_URL_<SERVICE> for one service. Credentials are likewise found as every AWS tool finds them.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError

if TYPE_CHECKING:
    import boto3
    from pyarrow import fs as pafs

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_CONNECT_SECONDS, _READ_SECONDS = 5, 60
_ATTEMPTS = 4


@dataclasses.dataclass(frozen=True, slots=True)
class AwsSession:
    """A Region of an account. `role_arn` is assumed for every call where it is given, under `duty` as session name.

    The Region is never guessed: data of a collaboration must not leave the one that its members agreed on.
    """

    region: str
    role_arn: str = ""
    external_id: str = dataclasses.field(default="", repr=False)
    duty: str = "segment-assets"

    def __post_init__(self) -> None:
        if not _REGION.fullmatch(self.region):
            raise PermanentError(
                f"{self.region or 'nothing'} is not an AWS Region; name one, for instance eu-central-1"
            )

    def client(self, service: str, *, attempts: int = _ATTEMPTS) -> Any:
        """A boto3 client, the same for every caller of this process; clients may be used by several threads.

        `attempts` is 1 for a call that costs each time and takes no token: botocore repeats it after silence otherwise.
        """
        return _client(self, service, attempts)

    def filesystem(self) -> pafs.S3FileSystem:
        """S3 for pyarrow, with the same Region, address and credentials as the client."""
        from pyarrow import fs as pafs

        where: dict[str, Any] = {
            "region": self.region,
            "connect_timeout": _CONNECT_SECONDS,
            "request_timeout": _READ_SECONDS,
        }
        address = self.client("s3").meta.endpoint_url
        scheme, _, host = address.partition("://")
        # A VPC endpoint's name ends as AWS's own do; the second is us-east-1's.
        if host not in {f"s3.{self.region}.amazonaws.com", "s3.amazonaws.com"}:
            where |= {"endpoint_override": host, "scheme": scheme, "force_virtual_addressing": False}
        # Frozen for now: a reader lives for a step of a run, an assumed role for at least a quarter of an hour.
        held = self.credentials()
        return pafs.S3FileSystem(
            access_key=held.access_key, secret_key=held.secret_key, session_token=held.token, **where
        )

    def credentials(self) -> Any:
        """Today's keys (botocore's ReadOnlyCredentials). Raises NeedsHumanError where there are none."""
        return self.renewed_credentials().get_frozen_credentials()

    def renewed_credentials(self) -> Any:
        """Keys that botocore renews before they end (botocore's Credentials). Raises NeedsHumanError without any."""
        found = _boto_session(self).get_credentials()
        if found is None:
            raise NeedsHumanError("AWS credentials are not found; give this deployment a role or a profile")
        return found


@functools.cache
def _client(session: AwsSession, service: str, attempts: int) -> Any:
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        user_agent_extra="segment-assets",
        # An emulator has no name per bucket; AWS takes both ways.
        s3={"addressing_style": "auto"},
    )
    return _boto_session(session).client(service, config=config)


@functools.cache
def _boto_session(session: AwsSession) -> boto3.Session:
    import boto3

    if not session.role_arn:
        return boto3.Session(botocore_session=_botocore_session(), region_name=session.region)
    return _assumed(session)


def _assumed(session: AwsSession) -> boto3.Session:
    """A session whose keys botocore renews by itself before they end."""
    import boto3
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    base = _botocore_session()
    held = base.get_credentials()
    if held is None:
        raise NeedsHumanError("AWS credentials are not found; give this deployment a role or a profile")
    extra = {"RoleSessionName": session.duty} | ({"ExternalId": session.external_id} if session.external_id else {})
    fetcher = AssumeRoleCredentialFetcher(
        functools.partial(base.create_client, region_name=session.region), held, session.role_arn, extra_args=extra
    )
    made = _botocore_session()
    made._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001
    made.set_config_variable("region", session.region)
    return boto3.Session(botocore_session=made, region_name=session.region)


def _botocore_session() -> Any:
    """A session that takes AWS's descriptions of its services from those that this process has read already."""
    import botocore.session

    made = botocore.session.get_session()
    made.register_component("data_loader", _descriptions())
    return made


@functools.cache
def _descriptions() -> Any:
    """The loader of botocore. Each session would have its own, and read megabytes of JSON again for its clients."""
    import botocore.session

    return botocore.session.get_session().get_component("data_loader")


def _forget() -> None:
    _client.cache_clear()
    _boto_session.cache_clear()


# Two processes must not speak on one connection.
os.register_at_fork(after_in_child=_forget)
