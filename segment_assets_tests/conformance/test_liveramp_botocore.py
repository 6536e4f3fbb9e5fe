"""Our LiveRamp files in S3 against botocore: its client puts the same objects, and reads what ours has put.

There is nothing official for what is inside of a file: its form is checked against the facts and published hashes only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.exceptions
import pytest
from botocore.credentials import Credentials

from segment_assets.contracts import NeedsHumanError, Operation, Request, Session, Step
from segment_assets.resources.aws_transport import AwsTransport
from segment_assets_tests.conformance.botocore_caller import Botocore
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.outside import URL, InProcess
from segment_assets_tests.conformance.kit.platforms.liveramp import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELD = "vip_0123456789ab"
PLACE = Session(token=0xABC, sequence=1, last=True, members_in_total=3, received_before=0)
MEMBERS = [people.member(RECORD.contract, number, ()) for number in range(3)]


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    made = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    yield made
    made.end()


def transport(inside: InProcess, key: str = "sandbox-liveramp-token") -> AwsTransport:
    """As AWS is called in production: signed."""
    at = {"s3": f"{URL}/liveramp/s3"}
    return AwsTransport(
        "us-east-1", service="s3", endpoints=at, credentials=Credentials(key, "sandbox"), carrier=inside
    )


def requests() -> list[Request]:
    ours = RECORD.connect()
    file = ours.request(FIELD, Operation.ADD, MEMBERS, PLACE)
    return [file, ours.step_request(Step.COMMIT, FIELD, Operation.ADD, PLACE)]


def test_botocore_puts_the_same_objects_and_reads_ours(inside):
    sdk, ours = Botocore(inside, "liveramp"), RECORD.connect()
    for request in requests():
        bucket, _, key = request.path.removeprefix("/s3/").partition("/")
        sdk.s3.put_object(Bucket=bucket, Key=key, Body=request.content, ContentType=request.content_type)
        sent = sdk.sent[-1]
        assert (sent.method, sent.path) == (request.method, request.path)
        ours.read_step(Step.COMMIT, PLACE, transport(inside).send(request))
        read = sdk.s3.get_object(Bucket=bucket, Key=key)
        assert read["Body"].read() == request.content


def test_what_botocore_calls_an_error_asks_a_person_under_the_same_code(inside):
    ours, (request, _) = RECORD.connect(), requests()
    path = request.path.replace("sandbox-liveramp-uploads", "another")
    response = transport(inside).send(Request("PUT", path, content=request.content, content_type="text/csv"))
    with pytest.raises(NeedsHumanError) as error:
        ours.read(MEMBERS, PLACE, response)
    bucket, _, key = path.removeprefix("/s3/").partition("/")
    with pytest.raises(botocore.exceptions.ClientError) as theirs:
        Botocore(inside, "liveramp").s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert error.value.code == theirs.value.response["Error"]["Code"] == "NoSuchBucket"


def test_a_key_that_is_not_known_asks_a_person(inside):
    response = transport(inside, "another").send(requests()[0])
    with pytest.raises(NeedsHumanError, match="InvalidAccessKeyId: the access key is not accepted; renew"):
        RECORD.connect().read(MEMBERS, PLACE, response)
