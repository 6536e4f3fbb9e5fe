"""Telling people and metrics that something failed.

Belongs here: where an alert goes (a file in the local world; a Slack webhook or e-mail by setting), and what was told
already. Not here: deciding what is worth an alert (`alerting`), the metrics (`resources.metrics`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import html
import json
import smtplib
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING

from segment_assets.contracts import SegmentAssetsError, TransientError
from segment_assets.resources.transport import refuse_plain_http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from segment_assets.contracts import Lake
    from segment_assets.resources.metrics import Dimension, Metric, Metrics

_TOLD, _KEPT = "alerts/told", "alerts/kept"


@dataclasses.dataclass(frozen=True, slots=True)
class _Trouble:
    """A way that did not take an alert. `is_away`: it gave no answer, and would give none to another."""

    way: str
    said: str
    is_away: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Alerts:
    """Every alert goes to a file below `folder`; to a webhook or a mailbox where these are set.

    `webhook` is a secret (a Slack incoming webhook); `mail_host` (with `:port` if it is not 25) and
    `mail_to` send e-mail from `mail_from`. Where `folder` is lost with its process, `marks` keeps what was told and
    `metrics` takes the numbers; without them both are files below `folder`.
    """

    folder: Path
    webhook: str = dataclasses.field(default="", repr=False)
    mail_host: str = ""
    mail_from: str = ""
    mail_to: str = ""
    marks: Lake | None = None
    metrics: Metrics | None = None

    def is_new(self, about: str) -> bool:
        """Whether nobody was told `about` (a run's id) yet: a sensor may see the same failure twice.

        Marks that cannot be read say nothing: what fails then is better told twice than never.
        """
        if self.marks is not None:
            try:
                return self.marks.get(f"{_TOLD}/{about}") is None
            except SegmentAssetsError:
                return True
        return not (self.folder / "told" / about).exists()

    def was_told(self, about: str) -> None:
        """`about` is not new any more. Said after the alert: one that nobody took is told again, or kept (`keep`)."""
        if self.marks is not None:
            with contextlib.suppress(SegmentAssetsError):
                self.marks.put_if_absent(f"{_TOLD}/{about}", b"")
            return
        folder = self.folder / "told"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / about).touch()

    def alert(self, title: str, text: str) -> None:
        """Tell people. The file is written first, so that an unreachable webhook or mailbox loses nothing.

        Every way is tried. Raises PermanentError for a webhook that is not https, TransientError naming the ways that
        did not take the alert; never their addresses, which are secrets.
        """
        self._append("alerts.jsonl", {"at": time.time(), "title": title, "text": text})
        troubles = self._send(title, text, self._ways)
        if troubles:
            _, about = _as_kept(title, text)
            self._was_taken(about, self._ways.keys() - {trouble.way for trouble in troubles})
            raise self._not_taken(troubles)

    def keep(self, title: str, text: str) -> None:
        """Have `tell_kept` try again an alert that was not taken, and of which nothing else would speak again."""
        body, about = _as_kept(title, text)
        if self.marks is not None:
            with contextlib.suppress(SegmentAssetsError):
                self.marks.put_if_absent(f"{_KEPT}/{about}", body)
            return
        folder = self.folder / "kept"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / about).write_bytes(body)

    def tell_kept(self) -> None:
        """Tell all that was kept, each by the ways that have not taken it yet. Raises as `alert` does, at the end.

        One mail host that was down had the webhook take the first of them every ten minutes, and never the second.
        """
        if self.marks is not None:
            kept = {key.rpartition("/")[2]: self.marks.get(key) for key in self.marks.keys(_KEPT)}
        else:
            kept = {file.name: file.read_bytes() for file in sorted((self.folder / "kept").glob("*"))}
        troubles: list[_Trouble] = []
        for about, body in kept.items():
            if body is None or not self.is_new(about):
                continue
            # Whoever does not answer at all is waited for once, since a sensor has a minute for everything.
            away = {trouble.way for trouble in troubles if trouble.is_away}
            ways = [way for way in self._ways if self.is_new(f"{about}-{way}")]
            found = self._send(**json.loads(body), ways=[way for way in ways if way not in away])
            troubles += found
            left = away.union(trouble.way for trouble in found).intersection(ways)
            self._was_taken(about, set(ways) - left)
            if not left:
                self.was_told(about)
        if troubles:
            raise self._not_taken(troubles)

    @property
    def _ways(self) -> Mapping[str, Callable[[str, str], _Trouble | None]]:
        by_mail = {"mail": self._mail} if self.mail_host and self.mail_to else {}
        return {"webhook": self._post, **by_mail} if self.webhook else by_mail

    def _send(self, title: str, text: str, ways: Iterable[str]) -> list[_Trouble]:
        """What went wrong, of every way that was tried."""
        found = [self._ways[way](title, text) for way in ways]
        return [trouble for trouble in found if trouble is not None]

    def _was_taken(self, about: str, ways: Iterable[str]) -> None:
        """These took an alert that others did not take, and that is told by the others alone."""
        for way in ways:
            self.was_told(f"{about}-{way}")

    def _not_taken(self, troubles: Sequence[_Trouble]) -> TransientError:
        said = " nor by ".join(dict.fromkeys(trouble.said for trouble in troubles))
        return TransientError(f"an alert was not taken by {said}; it is in {self.folder.name}/alerts.jsonl")

    def _post(self, title: str, text: str) -> _Trouble | None:
        import httpx

        refuse_plain_http(self.webhook)
        # Slack reads these three characters as its own marks: https://docs.slack.dev/messaging/formatting-message-text
        words = html.escape(f"*{title}*\n{text}", quote=False)
        try:
            httpx.post(self.webhook, json={"text": words}, timeout=10, trust_env=False).raise_for_status()
        except httpx.HTTPStatusError as error:
            return _Trouble("webhook", f"the webhook (answer {error.response.status_code})")
        except httpx.HTTPError as error:
            return _Trouble("webhook", f"the webhook ({type(error).__name__})", is_away=True)
        return None

    def _mail(self, title: str, text: str) -> _Trouble | None:
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = title, self.mail_from, self.mail_to
        message.set_content(text)
        host, _, port = self.mail_host.partition(":")
        try:
            with smtplib.SMTP(host, int(port or 0), timeout=10) as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            is_away = not isinstance(error, smtplib.SMTPException)
            return _Trouble("mail", f"the mail host ({type(error).__name__})", is_away=is_away)
        return None

    def count(self, metric: Metric, value: float, dimensions: Mapping[Dimension, str]) -> None:
        """One metric, where the metrics go; else a line of CloudWatch's embedded metric format in a file."""
        from segment_assets.resources.aws.metrics import EmbeddedMetrics

        told = self.metrics or EmbeddedMetrics(write=lambda line: self._write("metrics.jsonl", line))
        told.put({metric: value}, dimensions)

    def _append(self, name: str, line: object) -> None:
        self._write(name, f"{json.dumps(line)}\n")

    def _write(self, name: str, line: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(line)


def _as_kept(title: str, text: str) -> tuple[bytes, str]:
    """An alert as it is kept, and the name of it."""
    body = json.dumps({"title": title, "text": text}).encode()
    return body, hashlib.sha256(body).hexdigest()[:32]
