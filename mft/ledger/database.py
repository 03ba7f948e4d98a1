"""The ledger's connections: one writer with group commit, and readers beside it.

Statements are SQLAlchemy Core, compiled once for each dialect and run on the driver's own cursor, because Core's
execution costs twenty times the statement. SQLite is the default; PostgreSQL takes its place by a URL.

Durability: when a `Future` of `Writer.submit` has its result, the rows are on the disk (SQLite: synchronous=FULL).
Loss: the ledger is the list of what exists; without it the vault is unreadable. Back it up.
Trust: who can write it can forge state, but not the audit log before the last checkpoint that left the host.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from mft.errors import Broken, Busy, MFTError, NoSpace, SyncFailed

try:  # The wheel bundles a SQLite with the WAL-reset fix (3.51.3); Debian 12's own lacks it.
    from pysqlite3 import dbapi2 as sqlite_driver
except ImportError:  # No wheel for this platform: one writer and one checkpointer keep clear of the bug.
    import sqlite3 as sqlite_driver

__all__ = ["Books", "Ledger", "Readers", "Writer", "database_errors", "reading", "sqlite_driver", "sqlite_version"]

T = TypeVar("T")
Row = dict[str, Any]
Parameters = Mapping[str, Any]

SQLITE_FIXED = (3, 51, 3)
BATCH_MAX: Final = 512  # Commands in one commit: bounds how long the first of them waits.

_SQLITE: Dialect = sqlite.dialect(paramstyle="named")
_POSTGRESQL: Dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]  # Untyped in SQLAlchemy.


def sqlite_version() -> str:
    """The version of the SQLite that the ledger runs on."""
    return str(sqlite_driver.sqlite_version)


@lru_cache(maxsize=512)
def _compiled(statement: Executable, keys: tuple[str, ...], dialect_name: str) -> tuple[str, dict[str, Any]]:
    dialect: Dialect = _SQLITE if dialect_name == "sqlite" else _POSTGRESQL
    compiled = statement.compile(  # type: ignore[attr-defined]  # On every Executable that is a ClauseElement.
        dialect=dialect, column_keys=list(keys) or None, compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(compiled, SQLCompiler)
    return compiled.string, {k: v for k, v in compiled.params.items() if k not in keys}


_stream_numbers = itertools.count()


class Books:
    """One connection to the ledger, in one thread at a time."""

    def __init__(self, connection: Any, dialect_name: str) -> None:
        self._connection = connection
        self.dialect_name = dialect_name
        self._cursor = connection.cursor()

    def execute(self, statement: Executable, parameters: Parameters | None = None) -> int:
        """Run a statement that is built once (a module's constant); returns the number of rows it touched."""
        text, fixed = _compiled(statement, tuple(parameters or ()), self.dialect_name)
        self._cursor.execute(text, {**fixed, **(parameters or {})})
        return int(self._cursor.rowcount)

    def execute_all(self, statement: Executable, rows: Sequence[Parameters]) -> None:
        """Run a statement for each of many rows of the same keys."""
        if rows:
            text, fixed = _compiled(statement, tuple(rows[0]), self.dialect_name)
            self._cursor.executemany(text, [{**fixed, **row} for row in rows] if fixed else rows)

    def rows(self, statement: Executable, parameters: Parameters | None = None) -> list[Row]:
        self.execute(statement, parameters)
        columns = [column[0] for column in self._cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in self._cursor.fetchall()]

    def tuples(self, statement: Executable, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Rows as the driver gives them: the fastest way to many of them that fit in memory."""
        self.execute(statement, parameters)
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def first(self, statement: Executable, parameters: Parameters | None = None) -> Row | None:
        found = self.rows(statement, parameters)
        return found[0] if found else None

    def stream(self, statement: Executable, parameters: Parameters | None = None) -> Iterator[tuple[Any, ...]]:
        """Rows one by one, for results larger than memory, on a cursor of their own."""
        text, fixed = _compiled(statement, tuple(parameters or ()), self.dialect_name)
        # On PostgreSQL a cursor of the server, from which psycopg fetches in pieces.
        options = {} if self.dialect_name == "sqlite" else {"name": f"stream{next(_stream_numbers)}"}
        cursor = self._connection.cursor(**options)
        try:
            cursor.execute(text, {**fixed, **(parameters or {})})
            for row in cursor:  # noqa: UP028  `yield from` would close the cursor too, and unguarded.
                yield row
        finally:
            with suppress(*database_errors(self.dialect_name)):  # Left unread, it may outlive the connection.
                cursor.close()

    def script(self, text: str) -> None:
        """Run transaction control, the same text in both dialects."""
        self._cursor.execute(text)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Within it, every read sees the ledger of one moment."""
        self.script("BEGIN" if self.dialect_name == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            yield
        finally:
            self.script("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


def database_errors(dialect_name: str) -> tuple[type[Exception], ...]:
    """The driver's root of errors."""
    if dialect_name == "sqlite":
        error: type[Exception] = sqlite_driver.Error
        return (error,)
    import psycopg

    return (psycopg.Error,)


class Ledger:
    """Where the ledger is, and the ways to open it.

    `url` is `sqlite:PATH` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect_name = "sqlite" if url.startswith("sqlite:") else "postgresql"
        self.path = Path(url.removeprefix("sqlite:")) if self.dialect_name == "sqlite" else None

    def exists(self) -> bool:
        return self.path is None or self.path.exists()

    def open_writer(self) -> Books:
        if self.path is not None:
            connection = sqlite_driver.connect(
                str(self.path), isolation_level=None, check_same_thread=False, timeout=30
            )
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",  # A commit is on the disk when it returns.
                "foreign_keys=ON",
                "secure_delete=ON",  # An erased key leaves no ghost in a free page.
                "temp_store=MEMORY",  # Nothing of ours in TMPDIR.
                "wal_autocheckpoint=4000",
            ):
                connection.execute(f"PRAGMA {pragma}")
            return Books(connection, self.dialect_name)
        return self._open_postgresql()

    def open_reader(self) -> Books:
        """A connection that cannot write."""
        if self.path is not None:
            connection = sqlite_driver.connect(
                f"file:{quote(str(self.path))}?mode=rw",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=30,
            )
            connection.execute("PRAGMA temp_store=MEMORY")
            connection.execute("PRAGMA query_only=ON")
            return Books(connection, self.dialect_name)
        books = self._open_postgresql()
        books.script("SET default_transaction_read_only = on")
        return books

    def _open_postgresql(self) -> Books:
        try:
            import psycopg
        except ImportError as error:
            raise Broken("the ledger is on PostgreSQL: install mft[postgres]") from error
        try:
            return Books(psycopg.connect(self.url, autocommit=True), self.dialect_name)
        except psycopg.OperationalError as error:
            host = urlsplit(self.url).hostname or "the local socket"
            raise Busy(f"cannot reach the PostgreSQL server at {host}") from error


@contextmanager
def reading(ledger: Ledger) -> Iterator[Books]:
    books = ledger.open_reader()
    try:
        yield books
    finally:
        books.close()


class Readers:
    """A reader for each thread that asks, kept for as long as the process serves."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._local = threading.local()
        self._opened: list[Books] = []
        self._lock = threading.Lock()

    def get(self) -> Books:
        books: Books | None = getattr(self._local, "books", None)
        if books is None:
            books = self._local.books = self._ledger.open_reader()
            with self._lock:
                self._opened.append(books)
        return books

    def close(self) -> None:
        for books in self._opened:
            books.close()


class Writer:
    """The only thread that writes: takes what is waiting, commits it at once, then answers each caller.

    Every piece of work has its own savepoint: one that is refused undoes its own rows and harms no other. While a
    commit waits for the disk, the next batch gathers by itself, so that many callers share one fsync.

    Error handling: a full disk fails the batch and the writer goes on; any other failure of the database fails the
    batch, everything after it, and calls `on_broken` once.
    """

    def __init__(self, ledger: Ledger, *, on_broken: Callable[[Broken], None] | None = None) -> None:
        self._ledger = ledger
        self._books = ledger.open_writer()
        self._driver_errors = database_errors(ledger.dialect_name)
        self._queue: queue.SimpleQueue[tuple[Callable[[Books], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._on_broken = on_broken
        self._broken: Broken | None = None
        self._after_commit: list[Callable[[], None]] = []
        self._after_rollback: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have `call` made after each commit, in the writer's thread: it must only wake somebody."""
        self._after_commit.append(call)

    def after_rollback(self, call: Callable[[], None]) -> None:
        """The same for each batch that came to nothing, before its callers hear of it."""
        self._after_rollback.append(call)

    def submit(self, work: Callable[[Books], T]) -> Future[T]:
        """Queue work for the next commit; the future resolves when it is durable, or has the work's error."""
        future: Future[T] = Future()
        if self._broken is not None:
            future.set_exception(self._broken)
        else:
            self._queue.put((work, future))
        return future

    def run(self, work: Callable[[Books], T]) -> T:
        """Do work and wait until it is durable."""
        return self.submit(work).result()

    def close(self) -> None:
        """Commit what is queued, and end."""
        self._queue.put(None)
        self._thread.join()
        self._books.close()

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            while len(batch) < BATCH_MAX:
                try:
                    batch.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            # A caller that went away before its turn is left out; from here on nobody can.
            work = [item for item in batch if item is not None and item[1].set_running_or_notify_cancel()]
            last = None in batch
            if self._broken is not None:
                for _, future in work:
                    future.set_exception(self._broken)
            elif work:
                self._commit(work)
            if last:
                return

    def _commit(self, work: list[tuple[Callable[[Books], Any], Future[Any]]]) -> None:
        books = self._books
        results: list[Any] = []
        try:
            books.script("BEGIN IMMEDIATE" if books.dialect_name == "sqlite" else "BEGIN")
            for do, _ in work:
                books.script("SAVEPOINT command")
                try:
                    results.append(do(books))
                except Broken:
                    raise
                except self._driver_errors as error:
                    if _fatal(error):
                        raise
                    books.script("ROLLBACK TO SAVEPOINT command")
                    results.append(_Failed(error))
                except Exception as error:  # noqa: BLE001  One command's failure is its caller's, not the batch's.
                    books.script("ROLLBACK TO SAVEPOINT command")
                    results.append(_Failed(error))
                books.script("RELEASE SAVEPOINT command")
            books.script("COMMIT")
        except Exception as error:  # noqa: BLE001  Whatever stopped the commit stopped it for the whole batch.
            self._abandon(work, error)
            return
        for (_, future), result in zip(work, results, strict=True):
            if isinstance(result, _Failed):
                future.set_exception(result.error)
            else:
                future.set_result(result)
        for call in self._after_commit:
            call()

    def _abandon(self, work: list[tuple[Callable[[Books], Any], Future[Any]]], error: Exception) -> None:
        failure: MFTError
        if _disk_full(error):
            failure = NoSpace("the ledger's disk is full")
            with suppress(*self._driver_errors):  # SQLite has often rolled back by itself by then.
                self._books.script("ROLLBACK")
        else:
            failure = error if isinstance(error, Broken) else SyncFailed(f"the ledger failed: {type(error).__name__}")
            failure.__cause__ = error
            self._broken = failure
        for call in self._after_rollback:
            call()
        for _, future in work:
            future.set_exception(failure)
        if self._broken is not None and self._on_broken is not None:
            self._on_broken(self._broken)


class _Failed:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _code(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", None)
    return name if isinstance(name, str) else str(error).lower()


def _disk_full(error: Exception) -> bool:
    code = _code(error)
    return code == "SQLITE_FULL" or "disk is full" in code or "No space left" in str(error)


def _fatal(error: Exception) -> bool:
    """Whether the connection, not the statement, has failed."""
    code = _code(error)
    fatal = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "disk i/o error", "malformed")
    return _disk_full(error) or code.startswith(fatal) or getattr(error, "sqlstate", "")[:2] in {"08", "57", "58"}
