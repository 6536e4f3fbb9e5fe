"""Files by SFTP: there as a whole or not at all, on the server that we know, whatever breaks."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError, Request, Response, TransientError
from segment_assets.resources.sftp_transport import transport_to
from segment_assets.sandbox.platforms.app import open_sandbox
from segment_assets_tests.resources.sftp_server import Server, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.resources.sftp_transport import SftpTransport

FOLDER = "/uploads/lumen_onboarding"
FILE = f"{FOLDER}/vip_add_1.csv"
# Three pieces, each of which is begun when the one before was acknowledged.
PIECE = 1 << 18
CONTENT = bytes(range(256)) * 2_200
MADE = asyncssh.generate_private_key("ssh-ed25519")
LOCKED = MADE.export_private_key("pkcs8-pem", passphrase="open").decode()
SECRETS = ("sandbox-liveramp-token", MADE.export_private_key().decode().splitlines()[1])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("sandbox")
    sandbox = open_sandbox(home, latency_ms=0, seed=7)
    server = Server(home, sandbox.store)
    yield server
    server.end()
    sandbox.store.close()


@pytest.fixture
def server(running: Server) -> Server:
    running.begin_anew()
    return running


@pytest.fixture
def way(server: Server) -> Iterator[SftpTransport]:
    with contextlib.closing(server.transport()) as way:
        yield way


def put(way: SftpTransport, content: bytes = CONTENT, path: str = FILE) -> Response:
    return way.send(Request("PUT", path, content=content, content_type="text/csv"))


def is_fine(answer: Response, content: bytes = CONTENT) -> bool:
    return answer.headers == {"sftp-status": "OK", "sftp-size": str(len(content))} and answer.status == 200


def test_a_file_is_there_as_a_whole_and_nothing_else_is(server, way):
    assert is_fine(put(way))
    assert is_fine(put(way, b"other", f"{FOLDER}/other.csv"), b"other")
    assert server.all() == {"vip_add_1.csv": CONTENT, "other.csv": b"other"}


def test_a_file_comes_by_a_rename_and_is_never_opened_under_its_own_name(server, way):
    looks: list[dict[str, bytes]] = []
    server.before = lambda operation: looks.append(server.visible())
    put(way)
    assert [operation for operation, _ in server.seen][:1] == ["open"]
    assert [path for operation, path in server.seen if operation != "write"] == [
        server.seen[0][1], FILE
    ]  # fmt: skip
    assert all(look == {} for look in looks)
    assert server.seen[0][1].startswith(f"{FOLDER}/.vip_add_1.csv.")
    assert server.seen[0][1].endswith(".part")


class TestLostConnections:
    @pytest.mark.parametrize(
        "trouble",
        [
            Trouble("open"),
            Trouble("write", nth=1),
            Trouble("write", nth=2),
            Trouble("write", nth=2, after=True),
            Trouble("write", nth=1, after=True, holed=True),
            Trouble("write", nth=2, after=True, holed=True),
            Trouble("rename"),
            Trouble("rename", after=True),
        ],
        ids=["open", "first", "second", "written", "first holed", "second holed", "before the rename", "after it"],
    )
    def test_a_cut_leaves_no_half_file_and_the_next_try_makes_it_whole(self, server, way, trouble):
        server.trouble = trouble
        with pytest.raises(TransientError, match=r"^127\.0\.0\.1: no answer") as error:
            put(way)
        assert "vip" not in str(error.value)
        assert server.visible() in ({}, {"vip_add_1.csv": CONTENT})
        assert is_fine(put(way))
        assert server.all() == {"vip_add_1.csv": CONTENT}

    def test_another_process_goes_on_with_the_piece_that_broke(self, server, way):
        server.trouble = Trouble("write", nth=3)
        with pytest.raises(TransientError):
            put(way)
        server.seen.clear()
        with contextlib.closing(server.transport()) as another:
            assert is_fine(put(another))
        offsets = [int(offset) for operation, offset in server.seen if operation == "write"]
        assert offsets == [PIECE, 2 * PIECE], "the first piece was whole, and of the second nobody knows"

    def test_between_write_and_rename_only_the_last_piece_is_written_again(self, server, way):
        server.trouble = Trouble("rename")
        with pytest.raises(TransientError):
            put(way)
        assert server.visible() == {}
        server.seen.clear()
        assert is_fine(put(way))
        assert [int(offset) for operation, offset in server.seen if operation == "write"] == [2 * PIECE]

    def test_a_server_that_says_nothing_is_left(self, server, way):
        way.timeout = 0.3
        gate = threading.Event()
        server.before = lambda operation: gate.wait(2) and None
        with pytest.raises(TransientError, match="TimeoutError"):
            put(way)
        gate.set()
        server.before, way.timeout = lambda operation: None, 30.0
        assert is_fine(put(way))

    def test_a_server_that_is_not_there_is_tried_again_later(self, server):
        with (
            contextlib.closing(server.transport(address="sftp://127.0.0.1:1")) as nobody,
            pytest.raises(TransientError, match="no answer"),
        ):
            put(nobody)


class TestTheSameFileTwice:
    def test_a_file_that_is_there_is_not_written_again(self, server, way):
        put(way)
        server.seen.clear()
        assert is_fine(put(way))
        assert server.seen == []

    def test_one_of_another_size_is_not_ours_and_stays(self, server, way):
        put(way, b"theirs")
        answer = put(way)
        assert (answer.status, answer.headers["sftp-status"]) == (409, "FILE_ALREADY_EXISTS")
        assert server.all() == {"vip_add_1.csv": b"theirs"}

    def test_two_runs_at_once_put_one_whole_file(self, server):
        """Both stand before the rename at the same time."""
        both = threading.Barrier(2, timeout=5)
        answers: list[Response] = []

        def run() -> None:
            with contextlib.closing(server.transport()) as way:
                put(way, b"x", f"{FOLDER}/{threading.get_ident()}.csv")
                both.wait()
                answers.append(put(way))

        runs = [threading.Thread(target=run) for _ in range(2)]
        for each in runs:
            each.start()
        for each in runs:
            each.join(20)
        assert [is_fine(answer) for answer in answers] == [True, True]
        assert server.all()["vip_add_1.csv"] == CONTENT
        assert not [name for name in server.all() if name.startswith(".")]

    def test_whose_rename_comes_second_finds_the_file_and_takes_its_own_away(self, server, way):
        def first(folder: Any) -> None:
            name = FILE.rpartition("/")[2]
            (staged,) = [n for n in server.all() if n.startswith(".")]
            place = server.home / "liveramp_sftp" / FOLDER[1:]
            (place / name).write_bytes((place / staged).read_bytes())
            raise asyncssh.SFTPFailure("File already exists")

        server.trouble = Trouble("rename", does=first)
        assert is_fine(put(way))
        assert server.all() == {"vip_add_1.csv": CONTENT}

    def test_a_server_that_opens_nothing_twice_gets_the_whole_again(self, server, way):
        server.trouble = Trouble("rename")
        with pytest.raises(TransientError):
            put(way)

        def refuse(folder: Any) -> None:
            raise asyncssh.SFTPFailure("append is not supported")

        server.trouble = Trouble("open", does=refuse)
        assert is_fine(put(way))
        assert server.all() == {"vip_add_1.csv": CONTENT}


class Listening(asyncssh.SSHServer):
    """Notes all that it is told of who is there, and lets in whoever has the password."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin_auth(self, username: str) -> bool:
        self.told.append(username)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self.told.append("a key")
        return False

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.told.append("a password")
        return True


@pytest.fixture
def listening(monkeypatch) -> Listening:
    listening = Listening()
    monkeypatch.setattr("segment_assets.sandbox.platforms.liveramp.sftp.Login", lambda store: listening)
    return listening


class TestWhoIsThere:
    def test_a_server_with_another_key_is_told_nothing(self, server, listening):
        other = MADE.export_public_key().decode()
        with (
            contextlib.closing(server.transport(host_key=other)) as way,
            pytest.raises(NeedsHumanError, match="another key than the one that we know") as error,
        ):
            put(way)
        assert server.all() == {}
        assert listening.told == []
        assert not any(secret in str(error.value) for secret in SECRETS)

    def test_a_server_is_told_of_no_key_of_whoever_runs_the_process(self, server, listening, tmp_path, monkeypatch):
        (tmp_path / ".ssh").mkdir()
        MADE.write_private_key(tmp_path / ".ssh" / "id_ed25519")
        monkeypatch.setenv("HOME", str(tmp_path))
        with contextlib.closing(server.transport()) as way:
            assert is_fine(put(way, b"x"), b"x")
        assert listening.told == [server.told["user"], "a password"]

    def test_a_server_without_a_key_of_a_kind_that_we_know_is_told_nothing(self, server):
        other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
        with (
            contextlib.closing(server.transport(host_key=other)) as way,
            pytest.raises(NeedsHumanError, match="another key than the one that we know"),
        ):
            put(way)

    @pytest.mark.parametrize(("keys", "words"), [("", "no host key"), ("ssh-ed25519 nonsense", "form of OpenSSH")])
    def test_no_key_is_ever_taken_for_granted(self, server, keys, words):
        with (
            contextlib.closing(server.transport(host_key=keys)) as way,
            pytest.raises(NeedsHumanError, match=words),
        ):
            put(way)
        assert server.all() == {}

    def test_one_of_several_known_keys_is_enough(self, server):
        keys = f"{MADE.export_public_key().decode()}\n{server.told['host_key']}\n"
        with contextlib.closing(server.transport(host_key=keys)) as way:
            assert is_fine(put(way, b"x"), b"x")

    @pytest.mark.parametrize(
        "changed",
        [
            {"password": "not-it"},
            {"user": "somebody"},
            {"password": "", "private_key": MADE.export_private_key().decode()},
        ],
        ids=["password", "user", "key"],
    )
    def test_whoever_is_not_let_in_asks_a_person_and_says_no_secret(self, server, changed):
        with (
            contextlib.closing(server.transport(**changed)) as way,
            pytest.raises(NeedsHumanError, match="not accepted; compare the account's secret") as error,
        ):
            put(way)
        said = f"{error.value} {way!r}"
        assert not any(secret in said for secret in (*SECRETS, *filter(None, changed.values())) if secret != "somebody")

    def test_a_private_key_opens_the_door_where_the_server_has_its_other_half(self, server, monkeypatch):
        ours = MADE.export_public_key("openssh")

        class ByKey(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return True

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                return key.export_public_key("openssh").split()[:2] == ours.split()[:2]

        monkeypatch.setattr("segment_assets.sandbox.platforms.liveramp.sftp.Login", lambda store: ByKey())
        for form in ("openssh", "pkcs8-pem"):
            key = MADE.export_private_key(form).decode()
            with contextlib.closing(server.transport(password="", private_key=key)) as way:
                assert is_fine(put(way, b"x"), b"x")

    @pytest.mark.parametrize("key", ["-----BEGIN NOTHING-----", LOCKED])
    def test_a_key_that_cannot_be_read_asks_a_person(self, server, key):
        with (
            contextlib.closing(server.transport(private_key=key)) as way,
            pytest.raises(NeedsHumanError, match="private key cannot be read"),
        ):
            put(way)

    @pytest.mark.parametrize("secret", [{}, {"user": "lumen"}, {"password": "p"}])
    def test_a_secret_without_a_user_and_a_proof_is_told_by_its_name(self, secret):
        with pytest.raises(NeedsHumanError, match=r"liveramp\.lumen"):
            transport_to("sftp://files.example", secret, "liveramp.lumen")

    def test_the_secret_s_key_goes_before_the_plan_s_and_the_port_is_that_of_ssh(self):
        secret = {"user": "u", "password": "p", "host_key": "of the secret"}
        made = transport_to("sftp://files.example", secret, "s", host_keys="of the plan")
        assert (made.host, made.port, made.host_keys) == ("files.example", 22, "of the secret")
        del secret["host_key"]
        made = transport_to("sftp://files.example:2222", secret, "s", host_keys="of the plan")
        assert (made.port, made.host_keys) == (2222, "of the plan")


class TestRefusals:
    def test_a_folder_that_is_not_there_is_told_by_its_code(self, server, way):
        answer = put(way, path="/uploads/nobody/x.csv")
        assert (answer.status, answer.headers["sftp-status"]) == (404, "NO_SUCH_FILE")

    def test_a_full_disk_is_the_server_s_trouble(self, server, way):
        def full(operation: str) -> None:
            if operation == "write":
                raise asyncssh.SFTPNoSpaceOnFilesystem("full")

        server.before = full
        answer = put(way)
        assert answer.status >= 500
        assert server.visible() == {}

    def test_nothing_but_files_is_sent(self, way):
        for request in (Request("GET", FILE), Request("PUT", "https://x.example/y", content=b"", content_type="t")):
            with pytest.raises(PermanentError, match="files and nothing else"):
                way.send(request)
