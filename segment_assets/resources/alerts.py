"""Telling people and metrics that something failed.

Belongs here: where an alert goes (a file in the local world; a Slack webhook or e-mail by setting), and metrics in
CloudWatch's embedded metric format. Not here: deciding what is worth an alert (`alerting`).
"""

from __future__ import annotations

import dataclasses
import json
import smtplib
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING

from segment_assets.resources.transport import refuse_plain_http

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "segment_assets"


@dataclasses.dataclass(frozen=True, slots=True)
class Alerts:
    """Every alert and metric goes to files below `folder`; to a webhook or a mailbox where these are set.

    `webhook` is a secret (a Slack incoming webhook); `mail_host` and `mail_to` send e-mail from `mail_from`.
    """

    folder: Path
    webhook: str = dataclasses.field(default="", repr=False)
    mail_host: str = ""
    mail_from: str = ""
    mail_to: str = ""

    def alert(self, title: str, text: str) -> None:
        """Tell people. The file is written first, so that an unreachable webhook loses nothing."""
        self._append("alerts.jsonl", {"at": time.time(), "title": title, "text": text})
        if self.webhook:
            import httpx

            refuse_plain_http(self.webhook)
            httpx.post(self.webhook, json={"text": f"*{title}*\n{text}"}, timeout=10).raise_for_status()
        if self.mail_host and self.mail_to:
            message = EmailMessage()
            message["Subject"], message["From"], message["To"] = title, self.mail_from, self.mail_to
            message.set_content(text)
            with smtplib.SMTP(self.mail_host, timeout=10) as server:
                server.send_message(message)

    def count(self, metric: str, value: float, **dimensions: str) -> None:
        """One metric as a line of CloudWatch's embedded metric format."""
        line = {
            "_aws": {
                "Timestamp": int(time.time() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [sorted(dimensions)],
                        "Metrics": [{"Name": metric, "Unit": "Count"}],
                    }
                ],
            },
            **dimensions,
            metric: value,
        }
        self._append("metrics.jsonl", line)

    def _append(self, name: str, line: object) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
