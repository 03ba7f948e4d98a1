"""The writer: many callers share a commit, one refused harms no other, and a broken disk ends everything at once."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, text

from mft.errors import Broken, Busy, NoSpace, SyncFailed
from mft.ledger import database
from mft.ledger.database import Books, Ledger, Readers, Writer, database_errors, reading, sqlite_driver
from mft.ledger.tables import INSTALLATION

if TYPE_CHECKING:
    from concurrent.futures import Future

_INSERT = insert(INSTALLATION)
_ALL = select(INSTALLATION.c.id).order_by(INSTALLATION.c.id)


def add(name: str) -> Any:
    def work(books: Books) -> str:
        books.execute(_INSERT, {"id": name, "tenant_id": 1, "created_at": 1})
        return name

    return work


def names(ledger: Ledger) -> list[str]:
    with reading(ledger) as books:
        return [row["id"] for row in books.rows(_ALL)]


class Scripted:
    """Stands around a writer's transaction control: counts it, can hold it up, can make it fail."""

    def __init__(self, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.go = threading.Event()
        self.at_commit = threading.Event()
        self.go.set()
        original = writer._books.script

        def script(command: str) -> None:
            self.said.append(command)
            if command == "COMMIT":
                self.at_commit.set()
                self.go.wait(30)
            if command in self.fails:
                raise self.fails.pop(command)
            original(command)

        monkeypatch.setattr(writer._books, "script", script)

    @property
    def commits(self) -> int:
        return self.said.count("COMMIT")


@pytest.fixture
def scripted(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    return Scripted(writer, monkeypatch)


def test_work_is_there_when_its_future_resolves(ledger: Ledger, writer: Writer) -> None:
    assert writer.run(add("one")) == "one"
    assert names(ledger) == ["one"]


def test_nothing_resolves_before_its_commit(ledger: Ledger, writer: Writer, scripted: Scripted) -> None:
    scripted.go.clear()
    future = writer.submit(add("one"))
    assert scripted.at_commit.wait(30)
    assert not future.done()
    assert names(ledger) == []
    scripted.go.set()
    assert future.result(30) == "one"
    assert names(ledger) == ["one"]


def test_what_gathers_during_a_commit_shares_the_next(ledger: Ledger, writer: Writer, scripted: Scripted) -> None:
    scripted.go.clear()
    first = writer.submit(add("first"))
    assert scripted.at_commit.wait(30)
    futures: list[Future[Any]] = []
    lock = threading.Lock()

    def caller(number: int) -> None:
        future = writer.submit(add(f"n{number:02}"))
        with lock:
            futures.append(future)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scripted.go.set()
    assert sorted(future.result(30) for future in [first, *futures]) == sorted(names(ledger))
    assert len(names(ledger)) == 51
    assert scripted.commits == 2


def test_a_batch_has_a_limit(writer: Writer, scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BATCH_MAX", 4)
    scripted.go.clear()
    futures = [writer.submit(add("n0"))]
    assert scripted.at_commit.wait(30)
    futures += [writer.submit(add(f"n{number}")) for number in range(1, 10)]
    scripted.go.set()
    for future in futures:
        future.result(30)
    assert scripted.commits == 1 + 3


def test_refused_work_undoes_its_own_rows_only(ledger: Ledger, writer: Writer, scripted: Scripted) -> None:
    def refused(books: Books) -> None:
        add("refused")(books)
        raise Busy("later")

    def twice(books: Books) -> None:
        add("twice")(books)
        add("twice")(books)

    scripted.go.clear()
    futures = [writer.submit(add("hold"))]
    assert scripted.at_commit.wait(30)
    futures += [writer.submit(work) for work in (add("a"), refused, add("b"), twice, add("c"))]
    scripted.go.set()
    assert [type(future.exception(30)) for future in futures if future.exception(30)] == [
        Busy,
        type(futures[4].exception()),
    ]
    assert isinstance(futures[4].exception(), database_errors(ledger.dialect_name))
    assert names(ledger) == ["a", "b", "c", "hold"]
    assert scripted.commits == 2
    assert writer.run(add("later")) == "later"


@pytest.mark.parametrize(
    "step", ["COMMIT", "BEGIN", "SAVEPOINT command", "RELEASE SAVEPOINT command", "ROLLBACK TO SAVEPOINT command"]
)
def test_a_failing_disk_ends_the_batch_and_all_after_it(
    ledger: Ledger, writer: Writer, scripted: Scripted, step: str
) -> None:
    heard: list[Broken] = []
    writer._on_broken = heard.append

    def refused(_: Books) -> None:
        raise Busy("later")

    if step == "BEGIN" and ledger.dialect_name == "sqlite":
        step = "BEGIN IMMEDIATE"
    scripted.fails[step] = driver_error(ledger, "disk I/O error")
    scripted.go.clear()
    futures = [writer.submit(add("a")), writer.submit(refused), writer.submit(add("b"))]
    scripted.go.set()
    errors = [future.exception(30) for future in futures]
    after = writer.submit(add("after")).exception(30)
    assert isinstance(after, SyncFailed)
    assert "disk I/O error" not in str(after)  # What a driver says may quote a row.
    assert errors[-1] is after
    assert heard == [after]
    with pytest.raises(SyncFailed):
        writer.run(add("and after"))
    assert heard == [after]
    assert "b" not in names(ledger)


def driver_error(ledger: Ledger, said: str, **attributes: str) -> Exception:
    root = database_errors(ledger.dialect_name)[0]
    kind: type[Exception] = sqlite_driver.OperationalError if ledger.dialect_name == "sqlite" else root
    error = type("Double", (kind,), attributes)(said)
    assert isinstance(error, Exception)
    return error


def test_broken_raised_by_work_ends_everything(ledger: Ledger, writer: Writer) -> None:
    heard: list[Broken] = []
    writer._on_broken = heard.append

    def breaks(books: Books) -> None:
        add("torn")(books)
        raise SyncFailed("the vault's disk")

    with pytest.raises(SyncFailed, match="vault"):
        writer.run(breaks)
    with pytest.raises(SyncFailed, match="vault"):
        writer.run(add("after"))
    assert len(heard) == 1
    assert names(ledger) == []


@pytest.mark.parametrize(
    ("said", "attributes"),
    [
        ("database or disk is full", {}),
        ("whatever", {"sqlite_errorname": "SQLITE_FULL"}),
        ('could not extend file "base/1": No space left on device', {"sqlstate": "53100"}),
    ],
)
def test_a_full_disk_fails_the_batch_and_the_writer_goes_on(
    ledger: Ledger, writer: Writer, scripted: Scripted, said: str, attributes: dict[str, str]
) -> None:
    heard: list[Broken] = []
    writer._on_broken = heard.append
    scripted.fails["COMMIT"] = driver_error(ledger, said, **attributes)
    with pytest.raises(NoSpace):
        writer.run(add("a"))
    assert names(ledger) == []
    assert writer.run(add("b")) == "b"
    assert names(ledger) == ["b"]
    assert heard == []


def test_a_full_disk_in_the_middle_of_work_is_no_refusal_of_that_work(ledger: Ledger, writer: Writer) -> None:
    def full(_: Books) -> None:
        raise driver_error(ledger, "database or disk is full")

    with pytest.raises(NoSpace):
        writer.run(full)
    assert writer.run(add("b")) == "b"


@pytest.mark.parametrize("name", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB"])
def test_a_broken_connection_in_the_middle_of_work_breaks_the_writer(ledger: Ledger, writer: Writer, name: str) -> None:
    def failing(_: Books) -> None:
        raise driver_error(ledger, "x", sqlite_errorname=name)

    with pytest.raises(SyncFailed):
        writer.run(failing)
    with pytest.raises(SyncFailed):
        writer.run(add("after"))


def test_a_refused_statement_breaks_nothing(ledger: Ledger, writer: Writer) -> None:
    writer.run(add("a"))
    with pytest.raises(database_errors(ledger.dialect_name)):
        writer.run(add("a"))
    assert writer.run(add("b")) == "b"


def test_whoever_waits_is_called_after_each_commit(ledger: Ledger, writer: Writer, scripted: Scripted) -> None:
    seen: list[list[str]] = []
    called = threading.Event()

    def wake() -> None:
        seen.append(names(ledger))
        called.set()

    writer.after_commit(wake)
    writer.run(add("a"))
    assert called.wait(30)
    assert seen == [["a"]]
    scripted.fails["COMMIT"] = driver_error(ledger, "disk is full")
    with pytest.raises(NoSpace):
        writer.run(add("b"))
    called.clear()
    writer.run(add("c"))
    assert called.wait(30)
    assert seen == [["a"], ["a", "c"]]


def test_a_caller_who_went_away_harms_nobody(ledger: Ledger, writer: Writer, scripted: Scripted) -> None:
    scripted.go.clear()
    first = writer.submit(add("first"))
    assert scripted.at_commit.wait(30)
    gone, stays = writer.submit(add("gone")), writer.submit(add("stays"))
    gone.cancel()
    first.cancel()  # Too late: its commit is under way.
    scripted.go.set()
    assert stays.result(30) == "stays"
    assert "stays" in names(ledger)
    assert writer.run(add("later")) == "later"


def test_close_commits_what_is_queued(ledger: Ledger, scripted: Scripted, writer: Writer) -> None:
    scripted.go.clear()
    futures = [writer.submit(add(f"n{number}")) for number in range(5)]
    scripted.go.set()
    other = Writer(ledger) if ledger.dialect_name == "postgresql" else None
    if other is not None:
        futures += [other.submit(add("other"))]
        other.close()
    for future in futures:
        future.result(30)
    assert len(names(ledger)) == len(futures)


def test_readers_keep_one_connection_for_each_thread(ledger: Ledger, writer: Writer) -> None:
    writer.run(add("a"))
    readers = Readers(ledger)
    mine = readers.get()
    assert readers.get() is mine
    theirs: list[Books] = []
    thread = threading.Thread(target=lambda: theirs.append(readers.get()))
    thread.start()
    thread.join()
    assert theirs[0] is not mine
    assert theirs[0].rows(_ALL) == [{"id": "a"}]
    readers.close()


def test_a_snapshot_does_not_see_what_comes_after(ledger: Ledger, writer: Writer) -> None:
    writer.run(add("a"))
    with reading(ledger) as books:
        with books.snapshot():
            assert len(books.rows(_ALL)) == 1
            writer.run(add("b"))
            assert len(books.rows(_ALL)) == 1
            assert list(books.stream(_ALL)) == [("a",)]
        assert len(books.rows(_ALL)) == 2


def test_the_real_disk_of_sqlite_filling_up(tmp_path: Path) -> None:
    from tests.unit.mft.ledger.entries import new_ledger

    writer = Writer(new_ledger(f"sqlite:{tmp_path / 'ledger.db'}"))
    pages = next(iter(writer._books.rows(text("PRAGMA page_count"))[0].values()))
    writer._books.script(f"PRAGMA max_page_count={pages + 2}")

    def fill() -> None:
        for number in range(200):
            writer.run(add(f"{number:0500}"))

    with pytest.raises(NoSpace):
        fill()
    writer._books.script(f"PRAGMA max_page_count={pages + 200}")
    assert writer.run(add("again")) == "again"
    writer.close()
