"""The simulated LiveRamp: what becomes of a file that lands in its bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "/s3/sandbox-liveramp-uploads/segment-assets/lumen_onboarding"
DELETIONS = "/s3/sandbox-liveramp-uploads/deletions/lumen_onboarding"
HEADER = '"audience_key","email1_SHA-256","vip"'
ONE, OTHER = "a" * 64, "b" * 64


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    made = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    yield made
    made.end()


@pytest.fixture
def outside(inside: InProcess) -> Iterator[Outside]:
    made = Outside(inside)
    made.reset()
    made.admin("platforms/liveramp", {"minimum_rows": 1})
    yield made
    made.close()


@pytest.fixture
def http(inside: InProcess, outside: Outside) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer sandbox-liveramp-token"}
    with httpx.Client(base_url=f"{URL}/liveramp", transport=inside, headers=headers) as client:
        yield client


def row(cell: str, value: str = "1") -> str:
    return f'"{cell}","{cell}","{value}"'


def put(
    http: httpx.Client, *rows: str, name: str = "vip_add_1.csv", folder: str = FOLDER, header: str = HEADER
) -> None:
    answer = http.put(f"{folder}/{name}", content="\n".join([header, *rows]) + "\n")
    assert answer.status_code == 200
    assert answer.headers["etag"]


def held(outside: Outside) -> set[str]:
    return {cell for one in outside.audiences() for person in outside.people_of(one) for cell in person.values()}


def test_1_is_a_member_and_0_is_none_and_an_empty_field_says_nothing(http, outside):
    put(http, row(ONE), row(OTHER), row("c" * 64, ""))
    assert held(outside) == {ONE, OTHER}
    put(http, row(ONE, "0"), row(OTHER, ""), name="vip_remove_2.csv")
    assert held(outside) == {OTHER}


def test_in_a_deletion_file_1_takes_out(http, outside):
    put(http, row(ONE), row(OTHER))
    put(http, row(ONE), row(OTHER, "0"), folder=DELETIONS, name="vip_remove_2.csv")
    assert held(outside) == {OTHER}


def test_a_row_without_a_whole_hash_is_passed_over(http, outside):
    put(http, row(ONE), row("a" * 63), row("jane@x.example"))
    assert held(outside) == {ONE}


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        (HEADER, [], "fewer than"),
        (HEADER, ['"x"'], "columns"),
        (HEADER, [row(f"0x{ONE[2:]}")], "0x"),
        (HEADER, ['"x"y'], "CSV"),
        ('"email1_SHA-256","vip"', [f'"{ONE}","1"'], "audience key"),
        ('"audience_key","email1_SHA-256","MAID","vip"', ["a,b,c,1"], "pseudonymous"),
    ],
)
def test_a_file_that_cannot_be_used_fails_as_a_whole_and_its_sender_is_told_nothing(http, outside, header, rows, words):
    put(http, row(ONE))
    outside.later(1)
    put(http, *rows, header=header, name="vip_add_9.csv")
    (field,) = outside.audiences()
    assert words in field["state"]
    assert held(outside) == {ONE}


def test_a_file_in_another_folder_is_fetched_by_nobody(http, outside):
    put(http, row(ONE), folder=f"{FOLDER}-2")
    assert outside.audiences() == []


def test_a_small_file_fails_without_a_switch(http, outside):
    outside.admin("platforms/liveramp", {"minimum_rows": 25})
    put(http, *(row(f"{n:064x}") for n in range(24)))
    assert held(outside) == set()
    put(http, *(row(f"{n:064x}") for n in range(25)), name="vip_add_2.csv")
    assert len(held(outside)) == 25


def test_where_markers_are_waited_for_a_file_counts_once_one_lists_it(http, outside):
    outside.admin("platforms/liveramp", {"waits_for_marker": 1})
    put(http, row(ONE))
    put(http, row(OTHER), name="vip_add_2.csv")
    assert held(outside) == set()
    http.put(f"{FOLDER}/vip_add.done", content="vip_add_2.csv\n")
    assert held(outside) == {OTHER}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "/s3/another/x.csv", 404, "NoSuchBucket"),
        ("GET", f"{FOLDER}/none.csv", 404, "NoSuchKey"),
        ("DELETE", f"{FOLDER}/none.csv", 405, "MethodNotAllowed"),
    ],
)
def test_the_bucket_refuses_in_the_words_of_s3(http, method, path, status, code):
    answer = http.request(method, path)
    assert answer.status_code == status
    assert f"<Code>{code}</Code>" in answer.text


def test_a_key_is_wanted(http):
    assert "InvalidAccessKeyId" in http.put(f"{FOLDER}/x.csv", headers={"Authorization": "Bearer x"}).text
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=sandbox-liveramp-token/20261122/us-east-1/s3/aws4_request"}
    assert http.put(f"{FOLDER}/x.txt", headers=signed, content="x").status_code == 200
    assert http.get(f"{FOLDER}/x.txt").text == "x"
