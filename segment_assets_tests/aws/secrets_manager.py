"""Secrets Manager's versions, labels and tokens as its API reference describes them, to try what MiniStack does not do.

Belongs here: CreateSecret, PutSecretValue, GetSecretValue, UpdateSecretVersionStage on one process's memory.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

from segment_assets_tests.aws.modelled import Does, LostError, RefusalError, now

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


@dataclasses.dataclass
class Kept:
    texts: dict[str, str] = dataclasses.field(default_factory=dict)
    labels: dict[str, str] = dataclasses.field(default_factory=dict)


class SecretsManager:
    """`lost` and `stopped` name operations whose next answer is lost, or which are not reached any more."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.lost: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}
        self.lock = threading.Lock()
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def operations(self) -> Does:
        does = {
            "CreateSecret": self.create,
            "PutSecretValue": self.put,
            "GetSecretValue": self.get,
            "UpdateSecretVersionStage": self.update_stage,
        }
        return {name: self._faulty(name, function) for name, function in does.items()}

    def _faulty(self, name: str, function: Any) -> Any:
        def does(params: dict[str, Any]) -> dict[str, Any]:
            hook = self.before.get(name)
            if hook:
                hook()
            with self.lock:
                self.calls.append((name, params))
                told: dict[str, Any] = function(params)
                if name in self.lost:
                    self.lost.remove(name)
                    raise LostError
                return told

        return does

    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        name, token, text = params["Name"], params["ClientRequestToken"], params.get("SecretString")
        if name in self.kept:
            # The same token with the same value is the same call; anything else finds the name taken.
            if text is None or self.kept[name].texts.get(token) != text:
                raise RefusalError("ResourceExistsException")
        else:
            self.kept[name] = Kept()
            if text is not None:
                self.kept[name].texts[token] = text
                self.kept[name].labels[CURRENT] = token
        return self._told(name, token)

    def put(self, params: dict[str, Any]) -> dict[str, Any]:
        name, token, text = params["SecretId"], params["ClientRequestToken"], params["SecretString"]
        kept = self._kept(name)
        if kept.texts.get(token, text) != text:
            raise RefusalError("ResourceExistsException")
        kept.texts[token] = text
        for label in params.get("VersionStages", [CURRENT]):
            self._attach(kept, label, token)
        return self._told(name, token)

    def get(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params["SecretId"]
        kept = self._kept(name)
        version = params.get("VersionId") or kept.labels.get(params.get("VersionStage", CURRENT))
        if version not in kept.texts:
            raise RefusalError("ResourceNotFoundException")
        labels = [label for label, holder in kept.labels.items() if holder == version]
        told = self._told(name, version) | {"SecretString": kept.texts[version], "CreatedDate": now()}
        return told | ({"VersionStages": labels} if labels else {})

    def update_stage(self, params: dict[str, Any]) -> dict[str, Any]:
        kept, label = self._kept(params["SecretId"]), params["VersionStage"]
        to, off = params.get("MoveToVersionId"), params.get("RemoveFromVersionId")
        if to not in kept.texts:
            raise RefusalError("ResourceNotFoundException")
        if kept.labels.get(label) not in {None, to} and kept.labels[label] != off:
            raise RefusalError("InvalidParameterException")
        if off is not None and kept.labels.get(label) != off:
            raise RefusalError("InvalidParameterException")
        self._attach(kept, label, to)
        return {"Name": params["SecretId"]}

    def _attach(self, kept: Kept, label: str, version: str) -> None:
        if label == CURRENT and kept.labels.get(CURRENT) not in {None, version}:
            kept.labels[PREVIOUS] = kept.labels[CURRENT]
        kept.labels[label] = version

    def _kept(self, name: str) -> Kept:
        if name not in self.kept:
            raise RefusalError("ResourceNotFoundException")
        return self.kept[name]

    def _told(self, name: str, version: str) -> dict[str, Any]:
        return {"ARN": f"arn:aws:secretsmanager:us-east-1:111122223333:secret:{name}-a1b2c3", "Name": name, "VersionId": version}  # fmt: skip
