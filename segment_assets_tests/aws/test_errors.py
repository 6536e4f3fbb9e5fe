"""AWS's errors in our three kinds: what passes, what is for a person, what the call itself has to be changed for."""

from __future__ import annotations

import pytest
from botocore import exceptions as aws

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError
from segment_assets.resources.aws.errors import translated

CODES = {
    ("SlowDown", 503): TransientError,
    ("ThrottlingException", 400): TransientError,
    ("ThrottledException", 400): TransientError,
    ("RequestThrottled", 403): TransientError,
    ("RequestThrottledException", 400): TransientError,
    ("KmsThrottled", 400): TransientError,
    ("Unheard", 500): TransientError,
    ("RequestTimeTooSkewed", 403): NeedsHumanError,
    ("AccessDenied", 403): NeedsHumanError,
    ("Unheard", 400): PermanentError,
}


@pytest.mark.parametrize(("told", "kind"), CODES.items(), ids=str)
def test_a_code_is_one_of_our_kinds_and_is_kept(told: tuple[str, int], kind: type[SegmentAssetsError]) -> None:
    code, status = told
    answer = {"Error": {"Code": code, "Message": "s3cr3t"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(kind) as raised, translated("S3 bucket x"):
        raise aws.ClientError(answer, "GetObject")
    assert raised.value.code == code
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    "silence",
    [
        aws.CredentialRetrievalError(provider="container-role", error_msg="s3cr3t"),
        aws.MetadataRetrievalError(error_msg="s3cr3t"),
    ],
    ids=["provider", "endpoint"],
)
def test_credentials_that_a_task_was_not_given_this_time_are_asked_for_again(silence: Exception) -> None:
    with pytest.raises(TransientError) as raised, translated("S3 bucket x"):
        raise silence
    assert "s3cr3t" not in str(raised.value)
