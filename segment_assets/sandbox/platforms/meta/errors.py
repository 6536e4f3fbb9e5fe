"""Meta's error answers: codes, subcodes and the JSON form in which they come.

Codes: Marketing API error reference and Custom Audience Users reference (2025). Wording is ours:
callers decide on codes.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

_BAD_REQUEST, _SERVER_ERROR = 400, 500


def error_answer(  # the fields of Meta's error object
    code: int,
    message: str,
    *,
    subcode: int | None = None,
    kind: str = "OAuthException",
    transient: bool = False,
    status: int = _BAD_REQUEST,
) -> Answer:
    """An error as the Graph API words it. Meta answers 400 for nearly everything, throttling included."""
    error: dict[str, object] = {"message": f"(#{code}) {message}", "type": kind, "code": code}
    if subcode is not None:
        error["error_subcode"] = subcode
    error |= {"is_transient": transient, "fbtrace_id": "Asandbox"}
    return Answer(status, {"error": error})


def invalid(message: str, subcode: int | None = None) -> NoReturn:
    """Refuse with code 100, invalid parameter."""
    raise Refusal(error_answer(100, message, subcode=subcode, kind="OAuthException"))


def invalid_somewhere() -> Answer:
    """100 for something in the request. Meta has no published form that says which member it was."""
    return error_answer(100, "Invalid parameter")


def not_visible() -> NoReturn:
    """Refuse with 100/33: the object does not exist, or this token may not see it (Meta does not say which)."""
    message = "Unsupported request. The object does not exist, or this token may not see or change it"
    raise Refusal(error_answer(100, message, subcode=33, kind="GraphMethodException"))


def bad_token() -> NoReturn:
    """Refuse with 190, as for a token that was never issued."""
    raise Refusal(error_answer(190, "Invalid OAuth access token - Cannot parse access token", status=401))


def expired_token() -> Answer:
    """190/463: the token was good once."""
    return error_answer(190, "Error validating access token: Session has expired", subcode=463, status=401)


def retired_version(version: str) -> NoReturn:
    """Refuse with 2635: this version of the API is gone for good."""
    message = f"You are calling a deprecated version of the Ads API ({version}). Please update to a supported version"
    raise Refusal(error_answer(2635, message))


def terms_not_accepted() -> NoReturn:
    """Refuse with 200/1870090: a person has to accept the Custom Audience Terms."""
    raise Refusal(error_answer(200, "Custom Audience Terms have not been accepted", subcode=1870090))


def flagged() -> NoReturn:
    """Refuse a write to an audience that Meta flagged for integrity (operation status 471)."""
    invalid("This audience is flagged and cannot be changed until its owner has reviewed it", subcode=1713230)


def throttled() -> Answer:
    """80003/2446079: the account's own call budget for custom audiences is used up."""
    message = "There have been too many calls to this ad-account. Wait a bit and try again"
    return error_answer(80003, message, subcode=2446079, transient=True)


def server_trouble(status: int) -> Answer:
    """Codes 1 and 2, the transient ones: unknown error (500) and service unavailable (503)."""
    if status == _SERVER_ERROR:
        return error_answer(1, "An unknown error occurred", status=status, transient=True)
    return error_answer(2, "Service temporarily unavailable", status=status, transient=True)


# The subcodes of code 2650 (usersreplace reference).
REPLACE_UPDATE_IN_PROGRESS = 1870145
REPLACE_FIRST_BATCH_MISSING = 1870147
REPLACE_TIMED_OUT = 1870158
REPLACE_ALREADY_FINISHED = 1870159

_REPLACE_MESSAGES = {
    REPLACE_UPDATE_IN_PROGRESS: "The audience is being updated",
    REPLACE_FIRST_BATCH_MISSING: "The first batch (batch_seq 1) of this session has not been seen",
    REPLACE_TIMED_OUT: "The replace session has timed out",
    REPLACE_ALREADY_FINISHED: "The replace session has finished already",
}


def replace_refused(subcode: int) -> NoReturn:
    """Refuse a replace, or an edit during one, with code 2650."""
    transient = subcode == REPLACE_UPDATE_IN_PROGRESS
    raise Refusal(error_answer(2650, _REPLACE_MESSAGES[subcode], subcode=subcode, transient=transient))
