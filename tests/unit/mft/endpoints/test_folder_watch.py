"""One watched folder, round by round: what changes, fails or is taken away while a file is on its way."""

import errno
import os
import random
import threading
from concurrent.futures import Future
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mft.audit.query import leaves
from mft.core import KeepProfile
from mft.endpoints.folder import House, beneath, claims, watch
from mft.endpoints.folder.claims import Ground, Unfit
from mft.endpoints.folder.watch import Watch
from mft.errors import NoSpace
from mft.ledger.transfers import transfer_rows
from mft.pipeline.receive import Begin, Heard, Receive
from partners.connection import Connection, Key, Login
from partners.load import Directory, profile_of
from partners.uploads import Uploads
from partners.watched_folder import WatchedFolder
from tests.unit.mft.ledger.entries import ACME
from tests.unit.mft.pipeline.conftest import _KEY_LINE, Desk, desk, made_ledger  # noqa: F401  Fixtures.

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = b"large " * 400_000


class Scene:
    """A folder, and a watch whose rounds a test takes by hand."""

    def __init__(self, its_desk: Desk, root: Path) -> None:
        self.desk, self.root = its_desk, root
        self.folder = root / "drop"
        self.folder.mkdir()
        self.on_submit: Callable[[Any], None] = lambda command: None
        self.keys: dict[str, Any] = {}
        self.free_bytes_min = 0
        self.agree()

    def agree(self, **keys: Any) -> None:
        """Put a partner file into force."""
        login = Login(user="acme", keys=[Key(key=_KEY_LINE)])
        profile = profile_of(Connection(id=ACME.connection, name="acme", logins=[login], **keys))
        self.desk.core.run(KeepProfile(profile.hash, ACME.connection, "acme", profile.body))
        self.directory = Directory({ACME.connection: profile})

    def submit(self, command: Any) -> "Future[Any]":
        self.on_submit(command)
        return self.desk.core.submit(command)

    def watch(self, **keys: Any) -> Watch:
        spec = WatchedFolder(**{"name": "drop", "path": str(self.folder), "take": "rename", **keys})
        house = House(
            self.desk.vault, self.desk.readers, self.submit, lambda: self.directory, pytest.fail, self.free_bytes_min
        )
        return Watch(house, ACME.connection, spec, lambda: None)

    def put(self, **files: bytes) -> None:
        for name, content in files.items():
            (self.folder / name).write_bytes(content)

    def received(self) -> dict[str, list[bytes]]:
        """Contents that were received, by name, oldest first."""
        found: dict[str, list[bytes]] = {}
        for row in reversed(transfer_rows(self.desk.books, most=10_000)):
            if row["sha256"] is not None:
                content = self.desk.opened(row["object_id"])
                assert sha256(content).digest() == bytes(row["sha256"])
                found.setdefault(row["name_bytes"].decode(), []).append(content)
        return found

    def told(self, kind: str) -> list[str]:
        return [one["facts"].get("reason", "") for one in leaves(self.desk.books, kind=(kind,), newest_first=False)]

    def hidden(self) -> list[str]:
        return [name for _, _, names in os.walk(self.folder / ".mft") for name in names]

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {".mft"}


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return Scene(request.getfixturevalue("desk"), tmp_path)


def open_in(folder: Path) -> list[str]:
    """What this process has open below a folder."""
    found = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.exists()]
    return [str(path) for path in found if path.is_relative_to(folder)]


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that does not tell who writes."""
    monkeypatch.setattr(beneath, "is_written", lambda fd: None)


class TestWritersWeCannotSee:
    @pytest.mark.parametrize("content", [b"small", LARGE])
    @pytest.mark.parametrize("change", ["append", "overwrite"])
    def test_while_it_is_read(
        self, scene: Scene, blind: None, monkeypatch: pytest.MonkeyPatch, content: bytes, change: str
    ) -> None:
        scene.put(a=content)
        file = (scene.folder / "a").open("r+b")
        really = os.pread
        struck = []

        def pread(fd: int, size: int, offset: int) -> bytes:
            read = really(fd, size, offset)
            if not read and not struck:
                struck.append(file.seek(0, 2 if change == "append" else 0))
                file.write(b"more!")
                file.flush()
                os.utime(file.fileno(), ns=(1, 1))
            return read

        monkeypatch.setattr(os, "pread", pread)
        one = scene.watch()
        one.round()
        assert struck
        assert scene.received() == {}
        assert scene.names() == {"a"}
        assert [path.name for path in scene.desk.vault.root.rglob("*") if path.is_file()] == []
        file.close()
        one.round()
        assert scene.received() == {"a": [content + b"more!" if change == "append" else b"more!" + content[5:]]}
        assert scene.names() == set(scene.hidden()) == set()

    def test_between_the_commit_and_the_removal(self, scene: Scene, blind: None) -> None:
        """Its bytes behind our yes come again, with the file."""
        scene.put(a=b"one")
        file = (scene.folder / "a").open("ab", buffering=0)

        def append(command: Any) -> None:
            if isinstance(command, Receive):
                file.write(b" two")
                scene.on_submit = lambda command: None

        scene.on_submit = append
        one = scene.watch()
        one.round()
        one.round()
        file.close()
        assert scene.received() == {"a": [b"one", b"one two"]}
        assert scene.names() == set(scene.hidden()) == set()

    def test_who_changes_nothing_but_a_time_then(self, scene: Scene) -> None:
        scene.put(a=b"one")

        def touch(command: Any) -> None:
            if isinstance(command, Receive):
                os.utime(scene.folder / ".mft" / command.transfer / "a")

        scene.on_submit = touch
        one = scene.watch()
        one.round()
        one.round()
        assert scene.received() == {"a": [b"one"]}
        assert scene.names() == set(scene.hidden()) == set()

    def test_a_file_must_rest_where_nobody_tells(self, scene: Scene, blind: None) -> None:
        scene.put(a=b"one")
        one = scene.watch(take="stable", stable_seconds=0)
        assert 0 < one.round() <= 2
        assert scene.names() == {"a"}


class TestWhatFails:
    @pytest.mark.parametrize("content", [b"small", LARGE])
    def test_a_full_disk_at_the_commit(self, scene: Scene, content: bytes) -> None:
        scene.put(a=content, b=b"another")
        full = [True]

        def submit(command: Any) -> "Future[Any]":
            if isinstance(command, Receive) and full:
                failed: Future[Any] = Future()
                failed.set_exception(NoSpace("the disk is full"))
                return failed
            return scene.desk.core.submit(command)

        scene.submit = submit  # type: ignore[method-assign]
        one = scene.watch()
        for _ in range(3):
            one.round()
        assert scene.received() == {}
        assert sorted(scene.hidden()) == ["a", "b"], "they wait, claimed"
        assert scene.told("watched.lost") == ["the disk is full"], "once"
        assert [path.name for path in scene.desk.vault.root.rglob("*") if path.is_file()] == []
        full.clear()
        one.round()
        assert scene.received() == {"a": [content], "b": [b"another"]}
        assert scene.told("watched.found") == [""]

    def test_a_full_disk_while_it_is_sealed(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        scene.put(a=LARGE, b=b"b")
        full = [2]

        def begin(command: Any) -> None:
            if isinstance(command, Begin) and full[0]:
                full[0] -= 1
                raise NoSpace("the disk is full")

        scene.on_submit = begin
        one = scene.watch()
        for _ in range(3):
            one.round()
        assert scene.received() == {"a": [LARGE], "b": [b"b"]}
        assert scene.told("watched.lost") == ["the disk is full"]

    def test_a_disk_that_is_nearly_full(self, scene: Scene) -> None:
        scene.put(a=b"a")
        scene.free_bytes_min = 1 << 62
        one = scene.watch()
        one.round()
        one.round()
        assert scene.names() == {"a"}
        assert len(scene.told("watched.lost")) == 1

    def test_one_that_cannot_be_read_keeps_nobody_waiting(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        scene.put(bad=b"x", good=b"y")
        really = Watch._read

        def read(self: Watch, claim: Any, upload: Any) -> int:
            if claim.look.name == b"bad":
                raise OSError(errno.EIO, "Input/output error")
            return really(self, claim, upload)

        monkeypatch.setattr(Watch, "_read", read)
        one = scene.watch()
        one.round()
        one.round()
        assert scene.received() == {"good": [b"y"]}
        assert scene.names() == {"bad"}
        assert scene.told("watched.left") == ["input/output error"]

    def test_one_that_may_not_be_opened(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        scene.put(bad=b"x", good=b"y")
        really = beneath.open_file

        def open_file(at: int, name: bytes) -> int:
            if name == b"bad":
                raise PermissionError(errno.EACCES, "Permission denied")
            return really(at, name)

        monkeypatch.setattr(beneath, "open_file", open_file)
        one = scene.watch()
        one.round()
        one.round()
        assert scene.received() == {"good": [b"y"]}
        assert scene.told("watched.left") == ["permission denied"]

    def test_a_stop_in_the_middle_of_a_file(self, scene: Scene) -> None:
        scene.put(a=LARGE)
        one = scene.watch()
        scene.on_submit = lambda command: one.stop() if isinstance(command, Begin) else None
        one.round()
        assert scene.received() == {}
        scene.on_submit = lambda command: None
        scene.watch().round()
        assert scene.received() == {"a": [LARGE]}
        assert scene.names() == set(scene.hidden()) == set()


class TestOrder:
    def test_the_yes_comes_before_the_removal_and_is_heard_behind_it(self, scene: Scene) -> None:
        scene.put(a=b"a")
        seen = []

        def look(command: Any) -> None:
            seen.append((type(command), scene.hidden()))

        scene.on_submit = look
        scene.watch().round()
        assert seen == [(Receive, ["a"]), (Heard, [])]
        (row,) = transfer_rows(scene.desk.books)
        assert row["heard_at"] is not None

    def test_a_claim_is_on_the_disk_before_it_is_read(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a file lies, and that it is gone from where it lay."""
        scene.put(a=b"a")
        synced: list[str] = []
        for module in (claims, beneath):
            monkeypatch.setattr(
                module, "sync_names", lambda fd: synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
            )
        really = Watch._read
        before: list[str] = []

        def read(self: Watch, claim: Any, upload: Any) -> int:
            before.extend(synced)
            return really(self, claim, upload)

        monkeypatch.setattr(Watch, "_read", read)
        scene.watch().round()
        (row,) = transfer_rows(scene.desk.books)
        private = f"{scene.folder}/.mft"
        assert set(before) == {str(scene.folder), private, f"{private}/{row['id']}"}
        assert synced[len(before) :] == [private]

    def test_oldest_first_in_bounded_batches(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watch, "SEEN_MAX", 7)
        monkeypatch.setattr(watch, "CLAIMS_MAX", 3)
        ages = list(range(50))
        random.Random(1).shuffle(ages)  # noqa: S311
        for age in ages:
            scene.put(**{f"f{age:02}": b"x"})
            os.utime(scene.folder / f"f{age:02}", (1e9 + age, 1e9 + age))
        batches = []
        really = Ground.sync_claims
        monkeypatch.setattr(
            Ground, "sync_claims", lambda self, found: (batches.append(len(found)), really(self, found))[1]
        )
        scene.watch().round()
        assert list(scene.received()) == [f"f{age:02}" for age in range(50)]
        assert max(batches) == 3

    def test_a_batch_has_few_bytes_unless_one_file_has_many(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watch, "CLAIMS_BYTES_MAX", 10)
        batches = []
        really = Ground.sync_claims
        monkeypatch.setattr(
            Ground,
            "sync_claims",
            lambda self, found: (batches.append([one.look.size for one in found]), really(self, found))[1],
        )
        for number, size in enumerate((4, 4, 4, 100, 1)):
            scene.put(**{f"f{number}": b"x" * size})
            os.utime(scene.folder / f"f{number}", (1e9 + number, 1e9 + number))
        scene.watch().round()
        assert batches == [[4, 4], [4], [100], [1]]


class TestClocks:
    def test_one_that_went_back(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is younger than now is watched for as long as it has to rest."""
        now = [1000.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        really = Ground.__init__

        def behind(self: Ground, *args: Any) -> None:
            really(self, *args)
            self.now -= 3600 * 10**9

        monkeypatch.setattr(Ground, "__init__", behind)
        scene.put(a=b"a")
        one = scene.watch(take="stable", stable_seconds=5)
        one.round()
        now[0] += 4
        one.round()
        assert scene.names() == {"a"}
        scene.put(a=b"ab")
        one.round()
        now[0] += 4
        one.round()
        assert scene.names() == {"a"}
        now[0] += 2
        one.round()
        assert scene.received() == {"a": [b"ab"]}

    def test_what_a_file_says_of_its_own_age_is_not_believed(self, scene: Scene) -> None:
        scene.put(a=b"a", b=b"b")
        os.utime(scene.folder / "a", (1, 1))
        os.utime(scene.folder / "b", (1e10, 1e10))
        assert 0 < scene.watch(take="stable", stable_seconds=5).round() <= 5
        assert scene.names() == {"a", "b"}


class TestTheFolder:
    def test_our_own_folder_is_ours_alone(self, scene: Scene) -> None:
        (scene.folder / ".mft").mkdir(mode=0o777)
        scene.watch().round()
        assert (scene.folder / ".mft").stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("what", ["link", "file", "other's"])
    def test_another_thing_of_its_name(self, scene: Scene, what: str) -> None:
        private = scene.folder / ".mft"
        if what == "link":
            (scene.root / "elsewhere").mkdir()
            private.symlink_to(scene.root / "elsewhere")
        elif what == "file":
            private.touch()
        else:
            private.mkdir()
            if os.geteuid():
                pytest.skip("only root can give a folder away")
            os.chown(private, 12345, -1)
        scene.put(a=b"a")
        scene.watch().round()
        assert scene.names() == {"a"}
        assert len(scene.told("watched.lost")) == 1

    def test_one_mft_at_a_time(self, scene: Scene) -> None:
        spec = WatchedFolder(name="drop", path=str(scene.folder))
        with Ground(spec), pytest.raises(Unfit, match="another mft"):
            Ground(spec)
        Ground(spec).__exit__()

    def test_no_descriptor_is_left_open(self, scene: Scene) -> None:
        (scene.folder / "x").mkdir()
        one = scene.watch(recursive=True, take="done-file")
        one.round()
        before = open_in(scene.folder)
        for number in range(5):
            scene.put(**{f"a{number}": b"a", f"a{number}.done": b"", "b": b"b"})
            (scene.folder / "x" / f"c{number}").write_bytes(b"c")
            (scene.folder / "x" / f"c{number}.done").touch()
            one.round()
        assert len(scene.received()) == 10
        assert open_in(scene.folder) == before == []

    def test_temporary_names_and_staging_folders(self, scene: Scene) -> None:
        scene.agree(uploads=Uploads(temporary=("*.half",), staging=("x/wait",)))
        for folder in ("x", "x/wait", "y.half"):
            (scene.folder / folder).mkdir()
            (scene.folder / folder / "a").write_bytes(b"a")
        scene.put(**{"b.half": b"b", "c.tmp": b"c"})
        scene.watch(recursive=True).round()
        left = {path.relative_to(scene.folder).as_posix() for path in scene.folder.rglob("*") if path.is_file()}
        assert left == {"b.half", "x/wait/a", "y.half/a"}

    def test_folders_that_lie_too_deep(self, scene: Scene) -> None:
        deep = scene.folder.joinpath(*"abcdefghi")
        deep.mkdir(parents=True)
        (deep / "z").write_bytes(b"z")
        (deep.parent / "y").write_bytes(b"y")
        scene.watch(recursive=True).round()
        assert scene.received() == {"y": [b"y"]}
        assert scene.told("watched.left") == ["more than 8 folders in each other"]

    def test_a_feed_and_its_retention(self, scene: Scene) -> None:
        scene.agree(feeds=[{"name": "orders", "pattern": "*.edi", "retention": "standard"}])
        scene.put(**{"a.edi": b"a"})
        scene.watch().round()
        (row,) = transfer_rows(scene.desk.books)
        assert (row["feed"], row["retention"], row["door"]) == ("orders", "standard", "folder")
        assert row["modified_at"] > 1 << 50

    def test_a_file_that_is_larger_than_files_may_be(self, scene: Scene) -> None:
        scene.agree(uploads=Uploads(file_gib_max=1))
        with (scene.folder / "a").open("wb") as file:
            file.truncate((1 << 30) + 1)
        scene.watch().round()
        assert scene.names() == {"a"}
        assert scene.told("watched.left") == ["larger than files may be"]


class TestClaimsOfBefore:
    def claimed(self, scene: Scene, **keys: Any) -> str:
        """A file is claimed, and its server dies; returns the claim."""
        spec = WatchedFolder(**{"name": "drop", "path": str(scene.folder), "take": "rename", **keys})
        with Ground(spec) as ground:
            claim = ground.claim(beneath.look_at(ground.root, (), b"a"), age_seconds=100)
            claim.close()
        return claim.id

    def test_one_whose_name_was_taken_meanwhile(self, scene: Scene) -> None:
        scene.put(a=b"first")
        self.claimed(scene)
        scene.put(a=b"second")
        scene.watch().round()
        assert scene.received() == {"a": [b"first", b"second"]}

    def test_one_that_is_written_to_goes_back(self, scene: Scene) -> None:
        scene.put(a=b"first")
        with (scene.folder / ".mft" / self.claimed(scene) / "a").open("ab") as file:
            scene.watch().round()
            assert (scene.names(), scene.hidden()) == ({"a"}, [])
            file.write(b" and more")
        scene.watch().round()
        assert scene.received() == {"a": [b"first and more"]}

    def test_one_that_is_written_to_waits_while_its_name_is_taken(self, scene: Scene) -> None:
        scene.put(a=b"first")
        with (scene.folder / ".mft" / self.claimed(scene) / "a").open("ab"):
            scene.put(a=b"second")
            scene.watch().round()
            assert scene.hidden() == ["a"]
            assert scene.told("watched.left") == ["another file of its name came: it waits in .mft"]
        scene.watch().round()
        assert sorted(scene.received()["a"]) == [b"first", b"second"]

    def test_what_is_no_file_goes_back(self, scene: Scene) -> None:
        place = scene.folder / ".mft" / ("0" * 26)
        place.mkdir(parents=True, mode=0o700)
        (place / "a").symlink_to("/etc/passwd")
        scene.watch().round()
        assert (scene.names(), scene.hidden(), scene.received()) == ({"a"}, [], {})

    def test_one_that_was_received_is_only_removed(self, scene: Scene) -> None:
        scene.put(a=b"first")

        def dies(command: Any) -> None:
            if isinstance(command, Receive):
                scene.desk.core.run(command)
                raise KeyboardInterrupt

        scene.on_submit = dies
        with pytest.raises(KeyboardInterrupt):
            scene.watch().round()
        assert (scene.hidden(), scene.received()) == (["a"], {"a": [b"first"]})
        scene.on_submit = lambda command: None
        scene.watch().round()
        assert (scene.hidden(), scene.names(), scene.received()) == ([], set(), {"a": [b"first"]})
        (row,) = transfer_rows(scene.desk.books)
        assert row["heard_at"] is not None

    def test_one_that_was_received_and_written_to_comes_again(self, scene: Scene) -> None:
        scene.put(a=b"first")

        def dies(command: Any) -> None:
            if isinstance(command, Receive):
                scene.desk.core.run(command)
                (scene.folder / ".mft" / command.transfer / "a").write_bytes(b"first and more")
                raise KeyboardInterrupt

        scene.on_submit = dies
        with pytest.raises(KeyboardInterrupt):
            scene.watch().round()
        scene.on_submit = lambda command: None
        scene.watch().round()
        assert scene.received() == {"a": [b"first", b"first and more"]}

    def test_a_done_file_without_its_file_goes_back(self, scene: Scene) -> None:
        place = scene.folder / ".mft" / ("0" * 26 + ".done")
        place.mkdir(parents=True, mode=0o700)
        (place / "a.done").touch()
        scene.watch(take="done-file").round()
        assert (scene.names(), scene.hidden()) == ({"a.done"}, [])


def test_a_file_that_is_published_by_a_link_is_no_hard_link_for_long(scene: Scene) -> None:
    """`ln a.tmp a; rm a.tmp`, as programs do that must not replace anything."""
    scene.put(**{"a.tmp": b"a"})
    os.link(scene.folder / "a.tmp", scene.folder / "a")
    one = scene.watch()
    assert 0 < one.round() <= 5
    assert scene.told("watched.left") == []
    (scene.folder / "a.tmp").unlink()
    one.round()
    assert scene.received() == {"a": [b"a"]}


class TestDoneFiles:
    def test_an_old_one_says_nothing_of_newer_bytes(self, scene: Scene) -> None:
        scene.put(**{"a.done": b""})
        scene.put(a=b"a")
        assert 0 < scene.watch(take="done-file", stable_seconds=5).round() <= 5
        assert scene.names() == {"a", "a.done"}
        os.utime(scene.folder / "a.done")
        scene.watch(take="done-file", stable_seconds=5).round()
        assert scene.received() == {"a": [b"a"]}

    def test_one_that_is_a_link_says_nothing(self, scene: Scene) -> None:
        scene.put(a=b"a")
        (scene.folder / "a.done").symlink_to("a")
        scene.watch(take="done-file").round()
        assert scene.names() == {"a", "a.done"}
        assert scene.told("watched.left") == ["a link"]


def test_the_same_file_by_another_door_is_another_one(scene: Scene) -> None:
    """The repeat of an SFTP sender whose yes was lost is looked for among SFTP uploads alone."""
    scene.put(a=b"same")
    scene.on_submit = lambda command: None
    one = scene.watch()
    first = scene.desk.receive(b"a", b"same")
    one.round()
    upload_again = watch.Upload(scene.desk.vault, 1, _as_sftp(scene, first))
    upload_again.write(0, memoryview(b"same"))
    assert scene.desk.close(upload_again, repeat_since=0) == first
    assert scene.received() == {"a": [b"same", b"same"]}


def _as_sftp(scene: Scene, transfer: str) -> Any:
    from tests.unit.mft.ledger.entries import arrival

    return replace(arrival(b"a"), folder=scene.desk.row(transfer)["folder_bytes"])


def test_a_watch_that_is_stopped_ends_at_once(scene: Scene) -> None:
    one = scene.watch(poll_seconds=600)
    one.start()
    stopping = threading.Thread(target=one.stop)
    stopping.start()
    stopping.join(10)
    assert not stopping.is_alive()
