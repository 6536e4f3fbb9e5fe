"""An account that is reached with a token and whose files lie in a bucket of ours, as the AWS world connects it."""

from __future__ import annotations

import json

import pytest

from segment_assets.deployment import Deployment
from segment_assets.resources.aws_transport import AwsTransport
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.resources.files_transport import FilesTransport
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.aws.test_settings import GIVEN

SETTINGS = {"amc_account": "ENTITY1", "country": "DE", "bucket": "amc-drop"}


@pytest.mark.parametrize(("endpoints", "files"), [({}, None), ({"s3": "https://files"}, "https://files")])
def test_files_go_to_s3_by_the_role_and_calls_to_the_platform_by_the_token(
    monkeypatch: pytest.MonkeyPatch, endpoints: dict[str, str], files: str | None
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    deployment = Deployment.from_env({**GIVEN, "SEGMENT_ASSETS_ENDPOINTS": json.dumps(endpoints)})
    told = deployment.account_settings("amc_data", "amcabc", SETTINGS) | {
        "lake_home": "",
        "role_arn": "",
        "secrets_home": "",
    }
    account = DestinationAccount(destination="amc_data", account="amcabc", settings=SETTINGS, token="t", **told)
    destination, transport = account.connect()
    inner = getattr(transport, "inner", None)
    assert isinstance(inner, FilesTransport)
    assert isinstance(inner.platform, HttpTransport)
    assert inner.platform.base_url == destination.contract.endpoint
    assert isinstance(inner.files, AwsTransport)
    assert (inner.files.service, inner.files.endpoints.get("s3")) == ("s3", files)
