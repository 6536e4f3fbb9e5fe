"""Secrets Manager: a key that is made once, and versions of which two writers never both become the next."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.resources.aws.secrets import AwsSecrets
from segment_assets.resources.credentials import AccountToken
from segment_assets_tests.aws.emulators import Emulator
from segment_assets_tests.aws.modelled import RefusalError, answering, served, session_at
from segment_assets_tests.aws.secrets_manager import SecretsManager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.resources.secrets import Secrets

NAME = "meta.1001"
OLD = {"access_token": "token-1", "refresh_token": "refresh-1"}
NEW = {"access_token": "token-2", "refresh_token": "refresh-2"}


@pytest.fixture(scope="module")
def described() -> Iterator[tuple[SecretsManager, str]]:
    """One server for all tests: a client takes a third of a second to make."""
    store = SecretsManager()
    with served({"secretsmanager": store.operations()}) as endpoint:
        yield store, endpoint


@pytest.fixture
def store(described: tuple[SecretsManager, str]) -> SecretsManager:
    found = described[0]
    for planted in (found.lost, found.before, found.calls):
        planted.clear()
    return found


@pytest.fixture
def secrets(described: tuple[SecretsManager, str], store: SecretsManager) -> AwsSecrets:
    return opened(described[1])


@pytest.fixture(params=["described", pytest.param("ministack", marks=pytest.mark.aws)])
def either(request: pytest.FixtureRequest) -> AwsSecrets:
    """The same over the server that does as described, and over MiniStack."""
    if request.param == "described":
        made: AwsSecrets = request.getfixturevalue("secrets")
        return made
    return opened(request.getfixturevalue("ministack").endpoint)


def opened(endpoint: str) -> AwsSecrets:
    session = session_at(endpoint, "secretsmanager")
    return AwsSecrets(session, f"segment-assets/{uuid.uuid4().hex}", sleep=lambda _: None)


def together(*actions: object) -> list[object]:
    """What several threads get that begin at once."""
    ready = threading.Barrier(len(actions))

    def one(action: object) -> object:
        ready.wait(10)
        return action()  # type: ignore[operator]

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(one, actions))


def test_a_secret_that_is_not_there_has_no_values_and_no_version(either: AwsSecrets) -> None:
    store: Secrets = either
    assert (store.read(NAME).values, store.read(NAME).version) == ({}, "")


def test_what_is_put_behind_the_newest_version_is_read_and_behind_an_older_one_refused(either: AwsSecrets) -> None:
    assert either.replace(NAME, OLD, "")
    first = either.read(NAME)
    assert first.values == OLD
    assert not either.replace(NAME, NEW, "")
    assert not either.replace(NAME, NEW, "another")
    assert either.read(NAME) == first
    assert either.replace(NAME, NEW, first.version)
    second = either.read(NAME)
    assert second.values == NEW
    assert second.version not in {"", first.version}
    assert not either.replace(NAME, OLD, first.version)
    assert either.read(NAME) == second


def test_of_writers_who_have_read_the_same_version_exactly_one_puts_the_next(either: AwsSecrets) -> None:
    either.replace(NAME, OLD, "")
    for _ in range(3):
        tokens = [f"token-{number}" for number in range(4)]
        newest = either.read(NAME).version
        taken = together(*(lambda t=t, v=newest: either.replace(NAME, {"access_token": t}, v) for t in tokens))
        assert sum(map(bool, taken)) == 1
        assert either.read(NAME).values == {"access_token": tokens[taken.index(True)]}


def test_of_writers_of_a_new_secret_exactly_one_creates_it(either: AwsSecrets) -> None:
    taken = together(*(lambda t=t: either.replace(NAME, {"access_token": t}, "") for t in "abcd"))
    assert sum(map(bool, taken)) == 1
    assert either.read(NAME).values == {"access_token": "abcd"[taken.index(True)]}


def test_a_tenants_key_is_made_once_also_when_several_ask_first(either: AwsSecrets) -> None:
    keys = together(*(lambda: either.tenant_key("lumen") for _ in range(4)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32  # type: ignore[arg-type]
    assert either.tenant_key("lumen") == keys[0]
    assert either.tenant_key("another") != keys[0]


def test_writers_between_whose_two_steps_the_other_writes_do_not_both_win(
    secrets: AwsSecrets, store: SecretsManager
) -> None:
    secrets.replace(NAME, OLD, "")
    version = secrets.read(NAME).version
    both = threading.Barrier(2)
    store.before["UpdateSecretVersionStage"] = lambda: both.wait(10)  # type: ignore[assignment,return-value]
    taken = together(
        lambda: secrets.replace(NAME, NEW, version), lambda: secrets.replace(NAME, {"access_token": "x"}, version)
    )
    assert sorted(map(bool, taken)) == [False, True]


@pytest.mark.parametrize("operation", ["CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"])
def test_a_lost_answer_is_not_taken_for_another_writer(
    secrets: AwsSecrets, store: SecretsManager, operation: str
) -> None:
    store.lost.append(operation)
    assert secrets.replace(NAME, OLD, "")
    assert secrets.replace(NAME, NEW, secrets.read(NAME).version)
    assert store.lost == []
    assert secrets.read(NAME).values == NEW


def test_what_a_writer_had_put_aside_when_it_died_becomes_the_newest_with_the_next_look(
    secrets: AwsSecrets, store: SecretsManager
) -> None:
    died_with(NEW, secrets, store)
    assert secrets.read(NAME).values == NEW


def test_what_was_put_aside_does_not_come_after_what_a_person_wrote_since(
    secrets: AwsSecrets, store: SecretsManager
) -> None:
    died_with(NEW, secrets, store)
    of_a_person = {"access_token": "by hand"}
    put = {"SecretId": f"{secrets.prefix}/{NAME}", "SecretString": json.dumps(of_a_person)}
    store.put(put | {"ClientRequestToken": str(uuid.uuid4())})
    assert secrets.read(NAME).values == of_a_person
    assert secrets.replace(NAME, OLD, secrets.read(NAME).version)
    assert secrets.read(NAME).values == OLD


def died_with(values: dict[str, str], secrets: AwsSecrets, store: SecretsManager) -> None:
    """A writer that ends after its first step."""
    secrets.replace(NAME, OLD, "")
    with refused_steps(store), pytest.raises(PermanentError):
        secrets.replace(NAME, values, secrets.read(NAME).version)


@contextlib.contextmanager
def refused_steps(store: SecretsManager) -> Iterator[None]:
    def refuse() -> None:
        raise RefusalError("DecryptionFailure")

    store.before["UpdateSecretVersionStage"] = refuse
    yield
    del store.before["UpdateSecretVersionStage"]


def test_a_token_that_was_given_once_is_not_lost_with_the_process_that_asked_for_it(
    secrets: AwsSecrets, store: SecretsManager
) -> None:
    given = json.dumps({"access_token": "token-2", "refresh_token": "refresh-2"}).encode()
    with answering(200, given) as (authority, asked):
        client = {"token_url": f"{authority}/token", "client_id": "x", "client_secret": "y"}
        secrets.replace(NAME, OLD | client, "")
        dying = AccountToken(secrets, NAME)
        assert dying.current() == "token-1"
        with refused_steps(store), pytest.raises(PermanentError):
            dying.renewed()
        assert AccountToken(secrets, NAME).current() == "token-2"
    assert asked == ["POST"]
    assert secrets.read(NAME).values["refresh_token"] == "refresh-2"


def test_a_key_that_was_used_and_is_missing_is_not_made_anew(secrets: AwsSecrets) -> None:
    mistyped = dataclasses.replace(secrets, prefix=f"another/{uuid.uuid4().hex}", may_create_key=lambda: False)
    with pytest.raises(NeedsHumanError, match="SEGMENT_ASSETS_SECRETS_PREFIX"):
        mistyped.tenant_key("shop")
    assert not mistyped.has_tenant_key("shop")
    made = secrets.tenant_key("shop")
    assert dataclasses.replace(secrets, may_create_key=lambda: False).tenant_key("shop") == made


def test_a_key_that_is_no_key_is_not_made_anew(secrets: AwsSecrets, store: SecretsManager) -> None:
    for wrong in ("not hex", "ab" * 16):
        name = f"t{len(wrong)}"
        store.create({"Name": f"{secrets.prefix}/{name}.key", "SecretString": wrong, "ClientRequestToken": "t" * 32})
        with pytest.raises(NeedsHumanError, match="is not a key") as told:
            secrets.tenant_key(name)
        assert wrong not in str(told.value)


@pytest.mark.aws
def test_a_secret_that_is_marked_for_deletion_is_for_a_person(ministack: Emulator) -> None:
    secrets = opened(ministack.endpoint)
    secrets.tenant_key("lumen")
    secrets.session.client("secretsmanager").delete_secret(SecretId=f"{secrets.prefix}/lumen.key")
    with pytest.raises(NeedsHumanError, match="marked for deletion; restore it"):
        secrets.tenant_key("lumen")


def test_a_secret_that_was_made_without_a_value_is_told(secrets: AwsSecrets, store: SecretsManager) -> None:
    store.create({"Name": f"{secrets.prefix}/{NAME}", "ClientRequestToken": "t" * 32})
    assert secrets.read(NAME).version == ""
    with pytest.raises(TransientError, match="has no value yet; put one there"):
        secrets.replace(NAME, NEW, "")


@pytest.mark.parametrize("text", ["no json, s3cr3t", '["s3cr3t"]', '{"access_token": 7, "x": "s3cr3t"}'])
def test_what_is_no_object_of_texts_is_refused_without_quoting_it(
    secrets: AwsSecrets, store: SecretsManager, text: str
) -> None:
    store.create({"Name": f"{secrets.prefix}/{NAME}", "SecretString": text, "ClientRequestToken": "t" * 32})
    with pytest.raises(NeedsHumanError, match="not a JSON object of texts") as told:
        secrets.read(NAME)
    assert "s3cr3t" not in f"{told.value!r} {told.value.__cause__!r}"


@pytest.mark.parametrize("name", ["../other", "a/b", "", "a b"])
def test_a_name_that_could_be_another_secrets_is_refused(secrets: AwsSecrets, name: str) -> None:
    with pytest.raises(NeedsHumanError, match="cannot be a secret's name"):
        secrets.read(name)


def test_neither_a_repr_nor_a_version_tells_anything_of_a_secret(secrets: AwsSecrets) -> None:
    versions = []
    for part in ("a", "b"):
        store = AwsSecrets(secrets.session, f"{secrets.prefix}/{part}")
        store.replace(NAME, OLD, "")
        store.replace(NAME, NEW, store.read(NAME).version)
        assert "token-2" not in repr((store.read(NAME), store))
        versions.append(store.read(NAME).version)
    # Nobody learns from a version, which is in CloudTrail, that two secrets are equal or what a short one is.
    assert versions[0] != versions[1]


def test_new_secrets_are_made_under_the_key_of_the_deployment(secrets: AwsSecrets, store: SecretsManager) -> None:
    AwsSecrets(secrets.session, secrets.prefix, kms_key="alias/segment-assets").tenant_key("lumen")
    (params,) = [params for name, params in store.calls if name == "CreateSecret"]
    assert params["KmsKeyId"] == "alias/segment-assets"


def test_a_store_that_is_not_reached_is_tried_again_later(secrets: AwsSecrets, store: SecretsManager) -> None:
    secrets.replace(NAME, OLD, "")
    store.lost.extend(["GetSecretValue"] * 10)
    with pytest.raises(TransientError):
        secrets.read(NAME)


def test_a_refusal_that_nobody_knows_is_not_taken_for_another_writer(
    secrets: AwsSecrets, store: SecretsManager
) -> None:
    secrets.replace(NAME, OLD, "")
    with refused_steps(store), pytest.raises(PermanentError, match="DecryptionFailure"):
        secrets.replace(NAME, NEW, secrets.read(NAME).version)
