"""A request's digest is of the bytes that are sent, and those of earlier releases still prove their requests."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from segment_assets.contracts import Request
from segment_assets.delivery.outgoing import is_above, is_noted_as, request_digest

KEY = b"key"
ROWS = Request("POST", "/a1/users", json={"rows": [["ä", "1"]], "last": True}, params={"v": "2"})
FILE = Request("PUT", "/a1/file", content=b"a,b\n", content_type="text/csv")


def noted_by_the_first_version(request: Request) -> str:
    said = [request.method, request.path, request.json, dict(request.params)]
    if request.content is not None:
        said += [request.content_type, hashlib.sha256(request.content).hexdigest()]
    return hmac.new(KEY, json.dumps(said, sort_keys=True).encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("request_", [ROWS, FILE, Request("GET", "/a1")])
def test_what_either_version_noted_is_proven_by_the_same_request_only(request_):
    other = Request(request_.method, request_.path + "/b", request_.json, request_.params)
    for noted in (request_digest(KEY, request_), noted_by_the_first_version(request_)):
        assert is_noted_as(noted, KEY, request_)
        assert not is_noted_as(noted, KEY, other)
        assert not is_noted_as(noted, b"another key", request_)


def test_a_digest_tells_every_part_of_a_request_apart():
    requests = [
        ROWS,
        FILE,
        Request("PUT", "/a1/users", ROWS.json, ROWS.params),
        Request("POST", "/a1/users", ROWS.json, {"v": "3"}),
        Request("POST", "/a1/users", {"rows": []}, ROWS.params),
        Request("PUT", "/a1/file", content=b"a,b\n", content_type="text/plain"),
        Request("PUT", "/a1/file", content=b"a,c\n", content_type="text/csv"),
    ]
    assert len({request_digest(KEY, request) for request in requests}) == len(requests)


def test_a_body_is_as_large_as_it_is_sent():
    size = len(json.dumps(ROWS.json, ensure_ascii=False, separators=(",", ":")).encode())
    assert (is_above(size, ROWS), is_above(size - 1, ROWS)) == (False, True)
    assert (is_above(4, FILE), is_above(3, FILE), is_above(0, Request("GET", "/a1"))) == (False, True, False)
