"""Microsoft's ways to say no: a fault for the request, a partial error for one thing in it (under HTTP 200).

Source: msads 13.0.30.1 (AdApiFaultDetail, ApiFaultDetail, BatchError) and the published list of operation error codes.
Our readings: HTTP 400 for what cannot be read and 429 for a throttle; the numbers of duplicate names, of lists that are
not there and of items are ours, since their pages could not be read.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

INVALID_CREDENTIALS = (105, "InvalidCredentials")
NOT_AUTHORIZED = (106, "UserIsNotAuthorized")
TOKEN_EXPIRED = (109, "AuthenticationTokenExpired")
MISSING_HEADERS = (116, "RequestMissingHeaders")
CALL_RATE = (117, "CallRateExceeded")
INVALID_INPUT = (201, "ApiInputValidationError")
NULL_PARAMETER = (203, "NullParameter")
NOT_SUPPORTED = (204, "OperationNotSupported")
TOO_MANY_IDS = (513, "CampaignServiceEntityIdsArrayExceedsLimit")
INTERNAL = (0, "InternalError")
TERMS = (8003, "CustomerListTermsAndConditionsNotAccepted")
DUPLICATE_NAME = (4848, "CampaignServiceDuplicateAudienceName")
NO_SUCH_AUDIENCE = (4849, "CampaignServiceInvalidAudienceId")
BAD_AUDIENCE = (4850, "CampaignServiceAudienceInvalid")
IN_USE = (4851, "CampaignServiceAudienceHasActiveAssociations")
BAD_ITEM = (8004, "InvalidCustomerListItem")
_TRACKING_ID = "00000000-0000-4000-8000-000000000sandbox"[:36]


def fault(status: int, code: tuple[int, str], message: str = "") -> Answer:
    """The whole request did nothing: authentication, throttling, trouble."""
    number, word = code
    error = {"Code": number, "Detail": None, "ErrorCode": word, "Message": message or word}
    return Answer(status, {"TrackingId": _TRACKING_ID, "Type": "AdApiFaultDetail", "Errors": [error]})


def operation_fault(status: int, code: tuple[int, str], message: str = "") -> Answer:
    """The whole request did nothing: it is not what the operation takes."""
    number, word = code
    error = {"Code": number, "Details": None, "ErrorCode": word, "Message": message or word}
    body = {"TrackingId": _TRACKING_ID, "Type": "ApiFaultDetail", "BatchErrors": [], "OperationErrors": [error]}
    return Answer(status, body)


def refuse(status: int, code: tuple[int, str], message: str = "") -> NoReturn:
    """End the call with a fault of the operation."""
    raise Refusal(operation_fault(status, code, message))


def partial(index: int, code: tuple[int, str], message: str = "") -> dict[str, object]:
    """One thing of a request that was refused; the others were done."""
    number, word = code
    return {
        "Code": number,
        "Details": None,
        "ErrorCode": word,
        "FieldPath": None,
        "ForwardCompatibilityMap": [],
        "Index": index,
        "Message": message or word,
        "Type": "BatchError",
    }
