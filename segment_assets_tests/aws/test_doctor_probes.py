"""What the doctor tries by itself: writes that a store may ignore, and a platform's word on a token."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from segment_assets.contracts import PermanentError
from segment_assets.doctor import Level, Subject
from segment_assets.doctor.account_probes import ask_platform
from segment_assets.doctor.seeing import seen
from segment_assets.doctor.storage import Wanted, judge_writes
from segment_assets.doctor.storage_probes import try_writes
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets_tests.aws.modelled import answering, session_at


def test_a_store_that_ignores_conditions_is_not_taken_for_a_lake() -> None:
    with answering(200, b"", ETag='"e"') as (endpoint, asked):
        session = session_at(endpoint, "s3")
        writes = try_writes(session, "lake", "prod/", "")
    (wrong,) = judge_writes(writes, Wanted("us-east-1", "", "prod/"), Subject("s3", "lake"))
    assert wrong.code == "conditional_writes"
    assert asked == ["PUT *", "PUT *", f'PUT "{"0" * 32}"', 'PUT "e"', "DELETE"]


@pytest.mark.parametrize(
    ("status", "body", "level", "code"),
    [
        (200, b'{"data": []}', Level.OK, "ok"),
        (401, b'{"error": {"code": 190, "message": "expired s3cr3t-value"}}', Level.WRONG, "token_refused"),
        (503, b"{}", Level.WRONG, "platform_not_reached"),
    ],
)
def test_a_platform_says_whether_it_takes_the_token(status: int, body: bytes, level: Level, code: str) -> None:
    with answering(status, body) as (endpoint, asked):
        ways = DestinationAccount(destination="meta", account="1001", endpoint=endpoint, token="s3cr3t-value").connect()
        (finding,) = ask_platform(*ways, Subject("accounts", "lumen_eu"))
    assert (finding.level, finding.code) == (level, code)
    assert "s3cr3t-value" not in repr(finding)
    assert set(asked) == {"GET"}


def test_a_platform_whose_search_is_no_plain_read_is_not_asked() -> None:
    with answering(200) as (endpoint, asked):
        settings = {"customer_id": "252525252", "scope": "Account"}
        made = DestinationAccount(
            destination="microsoft_ads", account="141414141", endpoint=endpoint, token="t", settings=settings
        )
        (finding,) = ask_platform(*made.connect(), Subject("accounts", "lumen_microsoft"))
    assert (finding.level, finding.code) == (Level.UNKNOWN, "token_not_checked")
    assert asked == []


def test_what_may_not_be_seen_is_neither_absent_nor_an_error() -> None:
    def refused(code: str) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "secret"}}, "GetBucketPolicy")

    assert seen("x", lambda: refused("AccessDenied"), absent=("NoSuchBucketPolicy",), otherwise="") is None
    assert seen("x", lambda: refused("NoSuchBucketPolicy"), absent=("NoSuchBucketPolicy",), otherwise="") == ""
    with pytest.raises(PermanentError, match="MalformedXML"):
        seen("x", lambda: refused("MalformedXML"))
