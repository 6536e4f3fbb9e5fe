"""Secrets in AWS Secrets Manager: `<prefix>/<name>` for each, and `<prefix>/<tenant>.key`.

Belongs here: reading, creating once, and replacing behind a version. Not here: what a secret opens, how a new token is
had (`credentials`).
Sources: botocore 1.44.5 (Secrets Manager 2017-10-17), API reference of UpdateSecretVersionStage and PutSecretValue.

Secrets Manager has no "put if the version is still that one": PutSecretValue makes its version the current one whatever
was there. But a label that is on one version moves to another only when the call names the version it is on, so
`replace` does it in two steps:

1. PutSecretValue under a label of ours, `next`. Readers see nothing of it.
2. UpdateSecretVersionStage moves AWSCURRENT to it *from the version that the writer has read*. Of two writers who have
   read the same version, one finds the label there; the other is refused. That is the compare and swap.

A version's id begins with a digest of the id that it follows. Should the process die between the steps, whoever reads
next finds `next` on a version that follows the current one, and takes step 2: a refresh token that was given once is
not lost then. What is lost is an answer that this process died with before step 1 reached AWS; the account is then
authorised anew, as `credentials` says. A version that follows another one than the current is never made current.

The rest of a version's id is random, not a digest of the secret: ids are in CloudTrail, where a short secret could be
guessed from its digest. A secret that a person wrote has no `next`, so reading it takes two calls.

Tried against MiniStack, which keeps the rule of step 2 but neither moves a label of ours nor takes the token of
CreateSecret; these are tried against a server of our own. Never against AWS.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import secrets as randomness
import time
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, SegmentAssetsError, TransientError
from segment_assets.resources.aws.errors import translated
from segment_assets.resources.secrets import KEY_BYTES, Secret, checked_name, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from segment_assets.contracts import Sleep
    from segment_assets.resources.aws.session import AwsSession

_CURRENT, _NEXT = "AWSCURRENT", "next"
_ABSENT, _THERE = "ResourceNotFoundException", "ResourceExistsException"
# Also "marked for deletion"; another cause of it is not known for the calls made here.
_DELETED = "InvalidRequestException"
_MOVED = frozenset({"InvalidParameterException", _ABSENT})
_LINK = 24
# Secrets Manager is eventually consistent: a secret that is there already may not be readable at once.
_LOOKS = (0.1, 0.3, 1.0, 2.0, 0.0)


@dataclasses.dataclass(frozen=True, slots=True)
class _Version:
    id: str
    labels: frozenset[str]
    text: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class AwsSecrets:
    """Secrets whose names begin with `prefix/`. New ones are encrypted with `kms_key`, else with the account's key.

    `may_create_key` is asked before a tenant's key is made: where it has been used already, a new one would draw every
    pseudonym and every hold-out anew.
    """

    session: AwsSession
    prefix: str
    kms_key: str = ""
    sleep: Sleep = time.sleep
    may_create_key: Callable[[], bool] = lambda: True

    def tenant_key(self, tenant: str) -> bytes:
        """The key of a tenant, made with the first question. Losing it makes every person a new one.

        Raises NeedsHumanError for a secret that is no key, that is about to be deleted, or that is missing though it
        was used: a new one is never put in its place.
        """
        name = f"{checked_name(tenant)}.key"
        found = self._look(name, _CURRENT)
        if found is None:
            if not self.may_create_key():
                raise NeedsHumanError(
                    f"{self._what(name)} is not there, and the lake has audiences that were made with such a key; "
                    "correct SEGMENT_ASSETS_SECRETS_PREFIX, or restore the secret"
                )
            # Two processes may ask first at once: one creates, and both read what it has created.
            self._created(name, randomness.token_hex(KEY_BYTES))
            found = self._surely(name)
        try:
            key = bytes.fromhex(found.text)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise NeedsHumanError(f"{self._what(name)} is not a key of {KEY_BYTES} bytes in hex; restore its version")
        return key

    def has_tenant_key(self, tenant: str) -> bool:
        """Whether a tenant has a key; none is made."""
        return self._look(f"{checked_name(tenant)}.key", _CURRENT) is not None

    def read(self, name: str) -> Secret:
        """The newest version; one without values where there is none. What a dead process has begun is ended here."""
        found = self._newest(checked_name(name))
        if found is None:
            return Secret({}, "")
        return Secret(texts(name, found.text) if found.text else {}, found.id)

    def replace(self, name: str, values: Mapping[str, str], version: str) -> bool:
        """Put a new version behind `version`. False, and nothing that a reader sees, when that is not the newest."""
        if self.read(name).version != version:
            return False
        text = json.dumps(dict(values), sort_keys=True)
        if not version:
            return self._created(name, text)
        new = f"{_link(version)}-{uuid.uuid4().hex}"
        with self._asked(name) as client:
            client.put_secret_value(
                SecretId=self._id(name), SecretString=text, ClientRequestToken=new, VersionStages=[_NEXT]
            )
        return self._moved(name, version, new)

    def _newest(self, name: str) -> _Version | None:
        current = self._look(name, _CURRENT)
        if current is None or _NEXT in current.labels:
            return current
        waiting = self._look(name, _NEXT)
        if waiting is None or not waiting.id.startswith(f"{_link(current.id)}-"):
            return current
        self._moved(name, current.id, waiting.id)
        return self._look(name, _CURRENT)

    def _moved(self, name: str, old: str, new: str) -> bool:
        """Make `new` current if `old` still is. A lost answer, or a reader who was quicker for us, counts as ours."""
        try:
            with self._asked(name) as client:
                client.update_secret_version_stage(
                    SecretId=self._id(name), VersionStage=_CURRENT, MoveToVersionId=new, RemoveFromVersionId=old
                )
        except SegmentAssetsError as refusal:
            if refusal.code not in _MOVED:
                raise
            now = self._look(name, _CURRENT)
            return now is not None and now.id == new
        return True

    def _created(self, name: str, text: str) -> bool:
        """Create a secret with its first version. False, and no change, where there is one."""
        token = str(uuid.uuid4())
        key = {"KmsKeyId": self.kms_key} if self.kms_key else {}
        try:
            with self._asked(name) as client:
                client.create_secret(Name=self._id(name), SecretString=text, ClientRequestToken=token, **key)
        except SegmentAssetsError as refusal:
            if refusal.code != _THERE:
                raise
            # Ours, when the answer to the first try was lost: the token is the id of the first version.
            return self._surely(name).id == token
        return True

    def _surely(self, name: str) -> _Version:
        """The current version of a secret that exists."""
        for pause in _LOOKS:
            found = self._look(name, _CURRENT)
            if found is not None:
                return found
            self.sleep(pause)
        raise TransientError(f"{self._what(name)} exists but has no value yet; put one there, or try again later")

    def _look(self, name: str, label: str) -> _Version | None:
        try:
            with self._asked(name) as client:
                told = client.get_secret_value(SecretId=self._id(name), VersionStage=label)
        except SegmentAssetsError as refusal:
            if refusal.code != _ABSENT:
                raise
            return None
        return _Version(told["VersionId"], frozenset(told.get("VersionStages", ())), told.get("SecretString", ""))

    @contextlib.contextmanager
    def _asked(self, name: str) -> Iterator[Any]:
        try:
            with translated(self._what(name)):
                yield self.session.client("secretsmanager")
        except SegmentAssetsError as refusal:
            if refusal.code != _DELETED:
                raise
            said = NeedsHumanError(f"{self._what(name)} is marked for deletion; restore it, or wait until it is gone")
            said.code = refusal.code
            raise said from None

    def _id(self, name: str) -> str:
        return f"{self.prefix.rstrip('/')}/{name}"

    def _what(self, name: str) -> str:
        return f"the secret {self._id(name)}"


def _link(version: str) -> str:
    """What the id of a version begins with that follows `version`."""
    return hashlib.sha256(version.encode()).hexdigest()[:_LINK]
