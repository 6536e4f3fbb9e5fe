"""Metrics in CloudWatch's embedded format: one line each, of names that are declared, and nothing of a person."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.resources.aws.metrics import EmbeddedMetrics
from segment_assets.resources.metrics import Dimension, Metric, NoMetrics

PAIR = {Dimension.PLATFORM: "meta", Dimension.ACCOUNT: "1001", Dimension.SEGMENT_FAMILY: "landing"}


def lines(values: dict[Metric, float], dimensions: dict[Dimension, str]) -> list[dict[str, Any]]:
    written: list[str] = []
    EmbeddedMetrics(write=written.append, clock=lambda: 1_795_000_000.25).put(values, dimensions)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in written)
    return [json.loads(line) for line in written]


def test_a_delivery_is_one_line_with_its_counts_and_the_pair_it_is_of() -> None:
    counts = {Metric.MEMBERS_ACCEPTED: 10, Metric.MEMBERS_REJECTED: 2, Metric.MEMBERS_UNPROVEN: 0}
    assert lines(counts, PAIR) == [
        {
            "_aws": {
                "Timestamp": 1_795_000_000_250,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "segment_assets",
                        "Dimensions": [["account", "platform", "segment_family"]],
                        "Metrics": [
                            {"Name": "members_accepted", "Unit": "Count"},
                            {"Name": "members_rejected", "Unit": "Count"},
                            {"Name": "members_unproven", "Unit": "Count"},
                        ],
                    }
                ],
            },
            "account": "1001",
            "platform": "meta",
            "segment_family": "landing",
            "members_accepted": 10,
            "members_rejected": 2,
            "members_unproven": 0,
        }
    ]


def test_lines_go_to_the_standard_output_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    EmbeddedMetrics().put({Metric.QUERY_CRPU_HOURS: 0.25}, {Dimension.QUERY: "overlap"})
    assert json.loads(capsys.readouterr().out)["query_crpu_hours"] == 0.25


@pytest.mark.parametrize("metrics", [NoMetrics(), EmbeddedMetrics(write=lambda _: None)])
def test_a_metric_has_exactly_the_dimensions_that_it_declares(metrics: NoMetrics | EmbeddedMetrics) -> None:
    for wrong in ({}, {Dimension.PLATFORM: "meta"}, PAIR | {Dimension.QUERY: "overlap"}):
        with pytest.raises(ValueError, match="is split by platform, account, segment_family"):
            metrics.put({Metric.MEMBERS_ACCEPTED: 1}, wrong)


def test_the_local_world_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    NoMetrics().put({Metric.MEMBERS_ACCEPTED: 1}, PAIR)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "value", ["someone@example.com", "+4915112345678", "ab" * 32, f"x/{'0123456789abcdef' * 2}", "", "ü", "a\nb", "x" * 300]
)  # fmt: skip
def test_what_is_shaped_like_an_identifier_or_is_no_name_is_withheld(value: str) -> None:
    (line,) = lines({Metric.FAILED_RUNS: 1}, {Dimension.ASSETS: value})
    assert line["assets"] == "withheld"


@pytest.mark.parametrize("value", ["account_a/customers", "activation/meta/lumen_eu[vip]", "a, b", "8adc3db7-8148-4fbf-999c-8d2266369d74"])  # fmt: skip
def test_names_of_assets_partitions_and_accounts_are_told_as_they_are(value: str) -> None:
    (line,) = lines({Metric.FAILED_RUNS: 1}, {Dimension.ASSETS: value})
    assert line["assets"] == value


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from([m for m in Metric if len(m.dimensions) == 3]), st.floats()))
def test_a_line_holds_finite_numbers_only_and_names_each_that_it_holds(values: dict[Metric, float]) -> None:
    told = lines(values, PAIR)
    finite = {metric.label: value for metric, value in values.items() if abs(value) < float("inf")}
    assert len(told) == bool(finite)
    for line in told:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]} == finite
        assert set(line) == {"_aws", *directive["Dimensions"][0], *finite}
