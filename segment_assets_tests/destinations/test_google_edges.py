"""Details of the Google connector that the mutation check found unwatched."""

from __future__ import annotations

import pytest

from segment_assets.contracts import PermanentError, Response
from segment_assets.destinations.google_answers import accepted


def test_an_error_without_details_is_known_by_its_status():
    body = {"error": {"code": 400, "message": "words", "status": "FAILED_PRECONDITION"}}
    with pytest.raises(PermanentError) as refused:
        accepted(Response(400, {}, body), "1")
    assert refused.value.code == "FAILED_PRECONDITION"
