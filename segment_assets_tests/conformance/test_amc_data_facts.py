"""Our AMC data upload against what others wrote: Amazon's published words and digests, botocore, and DuckDB as a reader.

No package carries Amazon's OpenAPI "Advertiser Data Upload" 3.0, so its words stand here as facts: this is a second
entry of them, and no check by the document. The query on the connector's page is run as it stands there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import pytest
from botocore.credentials import Credentials

from segment_assets.contracts import Member, Operation, Session
from segment_assets.destinations import amc_data, connect
from segment_assets.destinations.amc_data import CONTRACT
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.aws_transport import AwsTransport
from segment_assets.resources.files_transport import FilesTransport
from segment_assets_tests.conformance.botocore_caller import Botocore
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.outside import URL, InProcess
from segment_assets_tests.conformance.kit.platforms.amc_data import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATASET = "vip_0123456789abcdef"
IN, OUT = Operation.ADD, Operation.REMOVE
# Fields and words of the OpenAPI: what a column may have, and kinds of identity and consent.
COLUMN = {"columnType", "consentType", "dataType", "description", "externalUserIdType", "isCountryCode", "name"}
HASHED_PII = {"ADDRESS", "CITY", "COUNTRY_CODE", "EMAIL", "FIRST_NAME", "LAST_NAME", "PHONE", "STATE", "ZIP"}
EXTERNAL = {"EXPERIAN", "IDFA", "KANTAR", "LIVERAMP", "MAID", "MERKLE", "NEUSTAR", "REALID", "SAMBATV"}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    made = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    yield made
    made.end()


def member(number: int) -> Member:
    return people.member(CONTRACT, number, ())


def place(rank: int, sequence: int = 1) -> Session:
    return Session(0xABC, sequence, last=True, members_in_total=3, received_before=0, rank=rank)


def test_the_query_on_the_page_finds_whom_the_newest_rows_have_in(tmp_path: Path):
    """In whatever order AMC keeps the rows of all deliveries, and where one was loaded twice."""
    ours = RECORD.connect()
    told = [(IN, [0, 1, 2, 3], 10), (OUT, [1, 2], 24), (IN, [2], 33), (OUT, [3], 34), (IN, [2], 33)]
    for number, (operation, who, rank) in enumerate(reversed(told)):
        request = ours.request(DATASET, operation, [member(one) for one in who], place(rank))
        (tmp_path / f"{number}.csv").write_bytes(request.content)
    types = {column["name"]: "VARCHAR" for column in amc_data.files.columns(CONTRACT)}
    types |= {"is_member": "INTEGER", "changed": "BIGINT"}
    with duckdb.connect() as db:
        # AMC writes user_id where it knows somebody by an identifier.
        db.execute(
            f"CREATE TABLE {DATASET} AS SELECT *, 'user ' || email AS user_id "
            f"FROM read_csv('{tmp_path}/*.csv', header = true, auto_detect = false, columns = {types})"
        )
        found = {user for (user,) in db.execute(query()).fetchall()}
    assert found == {f"user {people.cell('email_amazon', one).hex()}" for one in (0, 2)}


def query() -> str:
    """The SQL of the module's docstring."""
    (found,) = re.findall(r"`(SELECT .*?)`", " ".join(amc_data.__doc__.split()))
    return found.replace("<data set>", DATASET)


def test_columns_have_fields_and_words_of_the_openapi_only():
    columns = amc_data.files.columns(CONTRACT)
    assert set().union(*columns) <= COLUMN
    assert {column["columnType"] for column in columns} == {"DIMENSION"}
    assert {column["dataType"] for column in columns} <= {"STRING", "INTEGER", "LONG"}
    identities = {column["name"]: column["externalUserIdType"] for column in columns if "externalUserIdType" in column}
    assert identities == {
        "email": {"hashedPii": "EMAIL"},
        "phone": {"hashedPii": "PHONE"},
        "mobile_ad_id": {"externalIdentity": "MAID"},
    }
    assert {one["hashedPii"] for one in identities.values() if "hashedPii" in one} <= HASHED_PII
    assert {one["externalIdentity"] for one in identities.values() if "externalIdentity" in one} <= EXTERNAL
    assert [column["name"] for column in columns if column.get("isCountryCode")] == ["country_code"]
    assert {c["name"]: c["consentType"] for c in columns if "consentType" in c} == {"amzn_user_data": "AMZN_USER_DATA"}


def test_botocore_puts_the_same_objects_and_a_signed_file_goes_to_s3_and_all_else_to_amazon(inside):
    sdk, asked = Botocore(inside, "amc_data"), []

    class Amazon:
        def send(self, request):
            asked.append(request)

        def close(self):
            asked.append("closed")

    credentials = Credentials("sandbox-amc_data-token", "sandbox")
    s3 = AwsTransport(
        "us-east-1", "s3", endpoints={"s3": f"{URL}/amc_data/s3"}, credentials=credentials, carrier=inside
    )
    way, ours = FilesTransport(Amazon(), s3), RECORD.connect()
    request = ours.request(DATASET, IN, [member(1)], place(1))
    assert ours.read([member(1)], place(1), way.send(request)).received == 1
    bucket, _, key = request.path.removeprefix("/s3/").partition("/")
    sdk.s3.put_object(Bucket=bucket, Key=key, Body=request.content, ContentType=request.content_type)
    assert (sdk.sent[-1].method, sdk.sent[-1].path) == (request.method, request.path)
    assert asked == []
    ours.delete_audience(ours.carried(_Told(way)), DATASET)
    assert [one.method for one in asked] == ["DELETE"]
    way.close()
    assert asked[-1] == "closed"


class _Told:
    """Answers for a way whose answers are none."""

    def __init__(self, way) -> None:
        self.way = way

    def send(self, request):
        from segment_assets.contracts import Response

        return self.way.send(request) or Response(404, {}, {})


@pytest.mark.parametrize(
    ("form", "raw", "published"),
    [
        # Published in the sample rows of AWS's uploader for Amazon Marketing Cloud, which is for this very upload.
        (
            "email_amazon",
            "fpavolini6e@engadget.com",
            "4e2b9a90536cb7edb705fbd8d4af3fef0943ac78628f29c2f13ea475aabe890e",
        ),
        ("phone_digits", "+1 940 481 8132", "cb76e18a596361842208713c2a5b544877808ba754e616a2064712bab25a06c9"),
    ],
)
def test_an_identifier_is_normalised_and_hashed_as_amazons_sample_rows_are(form, raw, published):
    value = digest(NORMAL_FORMS[form], raw, "us").value
    amc = connect("amc_data", RECORD.account, RECORD.settings, {})
    request = amc.request(DATASET, OUT, [Member(b"m", {form: value})], place(1))
    assert published in request.content.decode().splitlines()[1].split(",")
