"""Opening a lake and a secret store by their address, which is all that a resource in the UI shows of them.

Belongs here: which class an address means. Not here: the classes.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segment_assets.contracts import Lake
    from segment_assets.resources.aws.session import AwsSession
    from segment_assets.resources.secrets import Secrets

_S3, _SECRETS_MANAGER = "s3://", "secretsmanager:"


@dataclasses.dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one account of ours. What it has is AWS's; a folder needs none of it."""

    region: str = ""
    role_arn: str = ""
    kms_key: str = ""
    external_id: str = dataclasses.field(default="", repr=False)

    def lake(self, address: str) -> Lake:
        """A folder, or s3://bucket/prefix. Only objects are read and written through it, so no catalogue is told."""
        from segment_assets.resources.lake import LocalLake

        if not address.startswith(_S3):
            return LocalLake(Path(address))
        from segment_assets.resources.aws.lake import S3Lake

        return S3Lake(self.session(), address, kms_key=self.kms_key)

    def secrets(self, address: str) -> Secrets:
        """A folder, or secretsmanager:<prefix>."""
        from segment_assets.resources.secrets import LocalSecrets

        if not address.startswith(_SECRETS_MANAGER):
            return LocalSecrets(Path(address))
        from segment_assets.resources.aws.secrets import AwsSecrets

        return AwsSecrets(self.session(), address.removeprefix(_SECRETS_MANAGER), self.kms_key)

    def session(self) -> AwsSession:
        """The way into the account."""
        from segment_assets.resources.aws.session import AwsSession

        return AwsSession(self.region, self.role_arn, self.external_id, "delivery")
