"""Telling people and metrics that something failed.

Belongs here: where an alert goes (a file in the local world; a Slack webhook or e-mail by setting), and metrics in
CloudWatch's embedded metric format. Not here: deciding what is worth an alert (`alerting`).
"""

from __future__ import annotations

import dataclasses
import html
import json
import smtplib
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING

from segment_assets.contracts import TransientError
from segment_assets.resources.transport import refuse_plain_http

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "segment_assets"


@dataclasses.dataclass(frozen=True, slots=True)
class Alerts:
    """Every alert and metric goes to files below `folder`; to a webhook or a mailbox where these are set.

    `webhook` is a secret (a Slack incoming webhook); `mail_host` (with `:port` if it is not 25) and
    `mail_to` send e-mail from `mail_from`.
    """

    folder: Path
    webhook: str = dataclasses.field(default="", repr=False)
    mail_host: str = ""
    mail_from: str = ""
    mail_to: str = ""

    def is_new(self, about: str) -> bool:
        """Whether `about` (a run's id) was not asked about before: a sensor may see the same failure twice."""
        folder = self.folder / "told"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            (folder / about).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def alert(self, title: str, text: str) -> None:
        """Tell people. The file is written first, so that an unreachable webhook or mailbox loses nothing.

        Every way is tried. Raises PermanentError for a webhook that is not https, TransientError naming the ways that
        did not take the alert; never their addresses, which are secrets.
        """
        self._append("alerts.jsonl", {"at": time.time(), "title": title, "text": text})
        if self.webhook:
            refuse_plain_http(self.webhook)
        troubles = [trouble for trouble in (self._post(title, text), self._mail(title, text)) if trouble]
        if troubles:
            raise TransientError(
                f"an alert was not taken by {' nor by '.join(troubles)}; it is in {self.folder.name}/alerts.jsonl"
            )

    def _post(self, title: str, text: str) -> str:
        """What went wrong, empty when nothing did."""
        if not self.webhook:
            return ""
        import httpx

        # Slack reads these three characters as its own marks: https://docs.slack.dev/messaging/formatting-message-text
        words = html.escape(f"*{title}*\n{text}", quote=False)
        try:
            httpx.post(self.webhook, json={"text": words}, timeout=10, trust_env=False).raise_for_status()
        except httpx.HTTPStatusError as error:
            return f"the webhook (answer {error.response.status_code})"
        except httpx.HTTPError as error:
            return f"the webhook ({type(error).__name__})"
        return ""

    def _mail(self, title: str, text: str) -> str:
        """What went wrong, empty when nothing did."""
        if not (self.mail_host and self.mail_to):
            return ""
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = title, self.mail_from, self.mail_to
        message.set_content(text)
        host, _, port = self.mail_host.partition(":")
        try:
            with smtplib.SMTP(host, int(port or 0), timeout=10) as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            return f"the mail host ({type(error).__name__})"
        return ""

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
