"""Alerts: every failed run is told once, in words that hold no data; metrics are lines that CloudWatch understands."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import pytest

from segment_assets.alerting import run_failures
from segment_assets.assets.common import as_failure
from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.metrics import Dimension, Metric


def told_about(asset, tmp_path, **alerts):
    """The alert and metric lines after one failed run of an asset."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([asset], instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failures",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
        run_failures(context, alerts=Alerts(tmp_path, **alerts))
    return [
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("alerts.jsonl", "metrics.jsonl")
    ]


def test_a_failure_of_ours_is_told_in_its_own_words(tmp_path):
    @dg.asset
    def audience() -> None:
        raise as_failure(NeedsHumanError("the segment is empty; look at its source"))

    [alert], [metric] = told_about(audience, tmp_path)
    assert alert["title"] == "audience failed"
    assert "needs a human: the segment is empty; look at its source" in alert["text"]
    assert metric["failed_runs"] == 1
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["assets"]]


def test_of_a_defect_only_its_kind_is_told_since_its_text_may_quote_data(tmp_path):
    @dg.asset
    def audience() -> None:
        raise ValueError("could not read ann@example.com")

    [alert], _ = told_about(audience, tmp_path)
    assert "ValueError" in alert["text"]
    assert "ann@example.com" not in json.dumps(alert)


def test_a_webhook_that_is_not_encrypted_is_refused_and_the_file_has_the_alert_all_the_same(tmp_path):
    with pytest.raises(PermanentError, match="only https"):
        Alerts(tmp_path, webhook="http://hooks.example.com/x").alert("title", "text")
    assert "title" in (tmp_path / "alerts.jsonl").read_text()


def failed_run(instance: dg.DagsterInstance, *messages: str) -> dg.ExecuteInProcessResult:
    """One failed run, of one asset for each message."""

    def asset(number: int, message: str) -> dg.AssetsDefinition:
        @dg.asset(name=f"audience_{number}")
        def failing() -> None:
            raise as_failure(NeedsHumanError(message))

        return failing

    assets = [asset(number, message) for number, message in enumerate(messages)]
    return dg.materialize(assets, instance=instance, raise_on_error=False)


def tell(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, alerts: Alerts) -> None:
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failures",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    )
    run_failures(context.for_run_failure(), alerts=alerts)


def lines(folder: Path, name: str = "alerts.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_the_same_run_is_told_once_however_often_it_is_seen(instance, tmp_path):
    result = failed_run(instance, "look at the source")
    for _ in range(3):
        tell(instance, result, Alerts(tmp_path))
    assert (len(lines(tmp_path)), len(lines(tmp_path, "metrics.jsonl"))) == (1, 1)


def test_three_runs_that_fail_at_once_are_three_alerts(instance, tmp_path):
    results = [failed_run(instance, f"reason {number}") for number in range(3)]
    for result in results:
        tell(instance, result, Alerts(tmp_path))
    told = lines(tmp_path)
    assert [f"reason {number}" in told[number]["text"] for number in range(3)] == [True] * 3
    assert [result.run_id in alert["text"] for result, alert in zip(results, told, strict=True)] == [True] * 3
    assert sum(metric["failed_runs"] for metric in lines(tmp_path, "metrics.jsonl")) == 3


def test_every_failed_step_of_a_run_is_in_its_one_alert(instance, tmp_path):
    tell(instance, failed_run(instance, "the first reason", "the second reason"), Alerts(tmp_path))
    [alert] = lines(tmp_path)
    assert "the first reason" in alert["text"]
    assert "the second reason" in alert["text"]


def test_what_a_blocking_check_found_is_in_the_alert(instance, tmp_path):
    @dg.asset
    def audience() -> None: ...

    @dg.asset_check(asset=audience, blocking=True)
    def drift() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="30 people after 100; check that the source is complete")

    result = dg.materialize([audience, drift], instance=instance, raise_on_error=False)
    tell(instance, result, Alerts(tmp_path))
    [alert] = lines(tmp_path)
    assert "check drift: 30 people after 100; check that the source is complete" in alert["text"]
    assert "unexpected" not in alert["text"]


class Counting:
    """Keeps the metrics that it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def put(self, values: Any, dimensions: Any) -> None:
        self.told.append(values)


class Webhook(BaseHTTPRequestHandler):
    """Takes posts and keeps them; answers with the status in the path."""

    taken: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append(json.loads(body))
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class Mailbox(socketserver.StreamRequestHandler):
    """Says yes to every line of SMTP, and keeps them."""

    taken: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        is_text = False
        for line in self.rfile:
            said = line.decode().rstrip("\r\n")
            self.taken.append(said)
            is_text = (is_text and said != ".") or said.upper() == "DATA"
            if not is_text or said.upper() == "DATA":
                self.wfile.write({"DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}.get(said.upper(), b"250 yes\r\n"))


@contextlib.contextmanager
def listening(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """A server on a free port of loopback."""
    handler.taken.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(5)


def test_by_setting_an_alert_goes_to_a_slack_webhook_in_slack_s_own_escapes(tmp_path):
    with listening(Webhook) as port:
        Alerts(tmp_path, webhook=f"http://127.0.0.1:{port}/200").alert("a failed", "below <the> limit & held")
    assert Webhook.taken == [{"text": "*a failed*\nbelow &lt;the&gt; limit &amp; held"}]


def test_by_setting_an_alert_goes_to_a_mailbox(tmp_path):
    with listening(Mailbox) as port:
        alerts = Alerts(tmp_path, mail_host=f"127.0.0.1:{port}", mail_from="house@x.example", mail_to="ops@x.example")
        alerts.alert("a failed", "look at the source")
    assert any(line.upper().startswith("RCPT TO:<OPS@X.EXAMPLE>") for line in Mailbox.taken)
    assert {"Subject: a failed", "look at the source"} <= set(Mailbox.taken)


def test_an_alert_that_nobody_takes_is_counted_and_does_not_fail_the_sensor(instance, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = nobody.getsockname()[1]
        alerts = Alerts(tmp_path, webhook=f"http://127.0.0.1:{port}/secret-path", mail_host=f"127.0.0.1:{port}",
                        mail_from="house@x.example", mail_to="ops@x.example")  # fmt: skip
        tell(instance, failed_run(instance, "look at the source"), alerts)
        with pytest.raises(TransientError, match=r"webhook .ConnectError. nor by the mail host") as told:
            alerts.alert("title", "text")
    assert "secret-path" not in str(told.value)
    assert "look at the source" in lines(tmp_path)[0]["text"]
    assert [next(m for m in ("failed_runs", "undelivered_alerts") if m in line)
            for line in lines(tmp_path, "metrics.jsonl")] == ["failed_runs", "undelivered_alerts"]  # fmt: skip


def test_where_the_disk_goes_with_the_process_what_was_told_is_kept_in_the_lake(instance, tmp_path):
    result, counting = failed_run(instance, "look at the source"), Counting()
    for disk in "abc":
        tell(instance, result, Alerts(tmp_path / disk, marks=LocalLake(tmp_path / "lake"), metrics=counting))
    assert [(tmp_path / disk / "alerts.jsonl").exists() for disk in "abc"] == [True, False, False]
    assert [list(values) for values in counting.told] == [[Metric.FAILED_RUNS]]
    assert not (tmp_path / "a" / "metrics.jsonl").exists()


def test_a_failure_is_told_also_while_the_lake_is_away(instance, tmp_path):
    class Away(LocalLake):
        def get(self, key: str) -> bytes | None:
            raise TransientError("no answer")

        def put_if_absent(self, key: str, body: bytes) -> bool:
            raise TransientError("no answer")

    counting = Counting()
    alerts = Alerts(tmp_path, marks=Away(tmp_path / "lake"), metrics=counting)
    tell(instance, failed_run(instance, "look at the source"), alerts)
    assert len(lines(tmp_path)) == 1
    assert [list(values) for values in counting.told] == [[Metric.FAILED_RUNS]]


def test_an_alert_that_nobody_took_is_new_until_somebody_does(instance, tmp_path):
    result = failed_run(instance, "look at the source")
    with listening(Webhook) as port:
        for status in (500, 200, 200):
            tell(instance, result, Alerts(tmp_path, webhook=f"http://127.0.0.1:{port}/{status}"))
        assert len(Webhook.taken) == 2


def test_a_webhook_that_refuses_does_not_keep_the_mail_from_going(tmp_path):
    with listening(Webhook) as port, listening(Mailbox) as mail:
        alerts = Alerts(tmp_path, webhook=f"http://127.0.0.1:{port}/500", mail_host=f"127.0.0.1:{mail}",
                        mail_from="house@x.example", mail_to="ops@x.example")  # fmt: skip
        with pytest.raises(TransientError, match=r"not taken by the webhook .answer 500.;"):
            alerts.alert("a failed", "look at the source")
    assert "Subject: a failed" in Mailbox.taken


def test_metrics_are_what_cloudwatch_s_embedded_metric_format_asks_for(tmp_path):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    Alerts(tmp_path).count(Metric.FAILED_RUNS, 2, {Dimension.ASSETS: "a[b]"})
    [line] = lines(tmp_path, "metrics.jsonl")
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    for name in [*directive["Dimensions"][0], *(metric["Name"] for metric in directive["Metrics"])]:
        assert name in line, "every dimension and metric is a member at the root"
    assert all(isinstance(line[name], str) for name in directive["Dimensions"][0])
    assert isinstance(line["failed_runs"], int | float)


@pytest.mark.parametrize("in_the_lake", [False, True])
def test_a_failure_that_nobody_took_is_told_when_somebody_does(instance, tmp_path, in_the_lake):
    marks = LocalLake(tmp_path / "lake") if in_the_lake else None
    with listening(Webhook) as port:
        refusing, taking = (
            Alerts(tmp_path, webhook=f"http://127.0.0.1:{port}/{status}", marks=marks) for status in (500, 200)
        )
        tell(instance, failed_run(instance, "the reason"), refusing)
        with pytest.raises(TransientError):
            refusing.tell_kept()
        tried = len(Webhook.taken)
        for _ in range(2):
            taking.tell_kept()
    assert ["the reason" in post["text"] for post in Webhook.taken[tried:]] == [True], "once"


def test_what_one_way_does_not_take_is_told_once_by_the_other_and_holds_up_nothing(tmp_path):
    told = Alerts(tmp_path, mail_from="house@x.example", mail_to="ops@x.example")
    with listening(Webhook) as port, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        away = f"127.0.0.1:{nobody.getsockname()[1]}"
        half = dataclasses.replace(told, webhook=f"http://127.0.0.1:{port}/200", mail_host=away)
        refusing = dataclasses.replace(half, webhook=f"http://127.0.0.1:{port}/400")
        for name, alerts in (("one", half), ("two", refusing), ("three", refusing)):
            with pytest.raises(TransientError):
                alerts.alert(name, "text")
            alerts.keep(name, "text")
        for alerts in (refusing, half, half):
            with pytest.raises(TransientError, match="the mail host"):
                alerts.tell_kept()
        posts = [post["text"].partition("\n")[0] for post in Webhook.taken]
        assert sorted(posts) == ["*one*", *["*three*"] * 3, *["*two*"] * 3], "each until the webhook took it"
        with listening(Mailbox) as mail:
            for _ in range(2):
                dataclasses.replace(half, mail_host=f"127.0.0.1:{mail}").tell_kept()
    assert sorted(line for line in Mailbox.taken if line.startswith("Subject")) == [
        "Subject: one",
        "Subject: three",
        "Subject: two",
    ]
    assert len(Webhook.taken) == len(posts)
