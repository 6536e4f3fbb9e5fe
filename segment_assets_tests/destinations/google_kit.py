"""What the tests of the Google connector share: people, calls, and answers in Google's own shape."""

from __future__ import annotations

from segment_assets.contracts import AudienceSpec, Member, Operation, Request, Response, Session
from segment_assets.destinations.google import GoogleDataManager
from segment_assets_tests.fakes import digest

STATED = {
    "terms_of_service": "ACCEPTED",
    "data_source_type": "DATA_SOURCE_TYPE_FIRST_PARTY",
    "consent_ad_user_data": "CONSENT_GRANTED",
    "consent_ad_personalization": "CONSENT_GRANTED",
}
GOOGLE = GoogleDataManager("1234567890", login_account="9876543210", statements=STATED)
SPEC = AudienceSpec("lumen_shop lapsed", "0f" * 16, STATED)
PLACE = Session(token=7, sequence=1, last=True, members_in_total=3, received_before=0)
JOB = "126365e1-16d0-4c81-9de9-f362711e250a"


def person(name: str, **more: bytes | str) -> Member:
    return Member(digest(f"id:{name}"), {"email_gmail_folded": digest(name), **more})


def people(number: int) -> list[Member]:
    return [person(f"p{place}") for place in range(number)]


def body(operation: Operation, *members: Member, google: GoogleDataManager = GOOGLE) -> dict:
    return google.request("456", operation, members, PLACE).json


def refused(status: int, reason: str = "", *violations: tuple[str, str], **more: object) -> Response:
    details: list[dict] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "x"}]
    if violations:
        fields = [{"field": field, "description": "words", "reason": why} for field, why in violations]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields})
    details.append({"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": JOB})
    error = {"code": status, "message": "words", "status": "INVALID_ARGUMENT", "details": details, **more}
    return Response(status, {}, {"error": error})


def of_member(place: int) -> str:
    return f"audience_members.audience_members[{place}].user_data.user_identifiers"


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)
