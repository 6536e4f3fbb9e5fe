"""What AWS's errors mean for us: passing, final, or for a person.

Belongs here: botocore's exceptions in our three kinds, the code kept. Not here: what a service says in a good answer.

AWS's messages may quote what was asked (a key, a literal of a query), so none of them is passed on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSING = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerException",
        "InternalServiceError",
        "InternalServiceException",
        "KmsThrottled",
        "OperationTimeoutException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_SERVER_ERROR = 500
# A role, a policy or a key: nothing that a second try or another argument changes.
_FOR_A_PERSON = frozenset(
    {
        "403",  # of a HEAD, whose answer has no body for a code
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "KMS.AccessDeniedException",
        "KMS.DisabledException",
        "KMS.NotFoundException",
        "RequestTimeTooSkewed",  # this machine's clock
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise our kinds in the place of botocore's. `what` names the thing for people, for instance `S3 bucket x`."""
    from botocore import exceptions as aws
    from botocore.parsers import ResponseParserError

    try:
        yield
    except aws.ClientError as refusal:
        raise of_code(what, code_of(refusal), status_of(refusal)) from None
    except aws.NoCredentialsError:
        raise NeedsHumanError(
            f"{what}: AWS credentials are not found; give this deployment a role or a profile"
        ) from None
    except (
        aws.HTTPClientError,
        aws.ConnectionError,
        aws.ResponseStreamingError,
        aws.IncompleteReadError,
        aws.FlexibleChecksumError,
        # A task's credentials come from an endpoint beside it that may be slow or restarting.
        aws.CredentialRetrievalError,
        aws.MetadataRetrievalError,
        ResponseParserError,
    ) as silence:
        raise TransientError(f"{what}: no whole answer ({type(silence).__name__})") from None
    except aws.ParamValidationError:
        raise PermanentError(f"{what}: the call does not fit the service's model; this is an error of ours") from None
    except aws.BotoCoreError as problem:
        raise PermanentError(f"{what}: {type(problem).__name__}; look at Region, profile and address") from None


def of_code(what: str, code: str, status: int = 0) -> SegmentAssetsError:
    """The error for a service's code; an unknown code of a 5xx passes, any other unknown one does not."""
    error: SegmentAssetsError
    if code in _PASSING or (code not in _FOR_A_PERSON and status >= _SERVER_ERROR):
        error = TransientError(f"{what}: {code or status}; tried again later")
    elif code in _FOR_A_PERSON:
        error = NeedsHumanError(
            f"{what}: {code}; look at the role, the policies, the key and the clock, `segment-assets doctor` helps"
        )
    else:
        error = PermanentError(f"{what}: {code or status}; the call must be changed before it is made again")
    error.code = code
    return error


def code_of(refusal: Any) -> str:
    """The code of a botocore ClientError."""
    return str(refusal.response.get("Error", {}).get("Code", ""))


def status_of(refusal: Any) -> int:
    """The HTTP status of a botocore ClientError, 0 where it is not told."""
    return int(refusal.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
