"""One statement, answered: a connection of DuckDB that sees the views and nothing else.

*What is read.* Cached parts, and the sealed NDJSON of sets that are in none: an answer knows what was committed before
it was asked. Of a set only the newest map's records count.

*What is kept out.* Before anything runs, `mft.records.statement` refuses what is no SELECT over the views. Behind that
the connection has no file system but `mft.records.files`, no extension but those it was built with, no place to spill
to, a limit of memory, and its settings are locked.

*What is shown.* Views mask what tells of persons (`mft.records.masks`), with a salt that is made for the connection.

Error handling: whatever goes wrong is told without a value out of a record.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Final, Self

import duckdb

from mft.errors import Busy, FileGone, MFTError, Refused
from mft.ledger.database import Books
from mft.ledger.objects import sealed_object
from mft.records.base import MEMORY_MIB, connect, copy_sql, lock, records_sql
from mft.records.files import Files, Outlet
from mft.records.statement import BadStatement, check, first_line
from mft.records.views import view_sql, views
from mft.vault.store import Vault

_FETCH: Final = 1000
_TRIES: Final = 3  # A part may be replaced between the moment that we look and the moment that we read.


class TooMuch(Refused):
    """The answer took more time or memory than it may have."""

    code = "refused.too-much"


class Question:
    """A statement that may be asked. Raises BadStatement."""

    def __init__(self, statement: str) -> None:
        with duckdb.connect(":memory:") as connection:
            self.views: Final = check(connection, statement, views())
        self.statement: Final = statement
        self.schemas: Final = sorted({views()[name].schema for name in self.views})


class Session:
    """The answer to a question, row by row. Use it in a `with`.

    Resource handling: the ledger is read in one snapshot, from `with` to its end.

    Args:
        reveal: show what the views would mask.
        seconds: the answer must be read to its end by then.
        outlet: write the answer there, as Parquet; there are no rows then.
    """

    def __init__(
        self,
        question: Question,
        vault: Vault,
        books: Books,
        *,
        reveal: bool,
        seconds: float,
        outlet: Outlet | None = None,
    ) -> None:
        self.columns: list[str] = []
        self._question = question
        self._vault = vault
        self._books = books
        self._reveal = reveal
        self._seconds = seconds
        self._outlet = outlet
        self._expired = False
        self._cleanup = ExitStack()
        self._first: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        for left in reversed(range(_TRIES)):
            try:
                self._begin()
            except FileGone as error:
                self._cleanup.close()
                if not left or self._outlet is not None:
                    raise Busy(
                        "a file of records went while the answer was read: ask again, or see `mft doctor`"
                    ) from error
            except BaseException:
                self._cleanup.close()
                raise
            else:
                break
        return self

    def _begin(self) -> None:
        books, vault = self._books, self._vault
        self._cleanup.enter_context(books.snapshot())
        files = self._files = Files(lambda object_id: vault.open(sealed_object(books, object_id)))
        self._cleanup.callback(files.close)
        with self._errors():
            connection = self._connection = connect(files)
            self._cleanup.callback(connection.close)
            timer = threading.Timer(self._seconds, self._expire)
            timer.daemon = True
            self._cleanup.callback(timer.cancel)
            timer.start()
            self._make_views()
            lock(connection)
            if self._outlet is not None:
                connection.execute(
                    copy_sql(self._question.statement.rstrip().rstrip(";"), files.add_outlet(self._outlet))
                )
                return
            connection.execute(self._question.statement)
            self.columns = [column[0] for column in connection.description or ()]
            self._first = connection.fetchmany(_FETCH)

    def _make_views(self) -> None:
        salt, secret = secrets.token_hex(16), secrets.token_hex(16)
        for number, schema in enumerate(self._question.schemas):
            base = f"records_{secret}_{number}"  # What masks nothing has a name that no statement can say.
            self._connection.execute(f"CREATE VIEW {base} AS {records_sql(self._books, self._files, schema)}")
            for name in sorted(self._question.views):
                view = views()[name]
                if view.schema == schema:
                    made = view_sql(view, base, reveal=self._reveal, salt=salt)
                    self._connection.execute(f"CREATE VIEW {name} AS {made}")

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Each row once."""
        batch, self._first = self._first, []
        while batch:
            yield from batch
            with self._errors():
                batch = self._connection.fetchmany(_FETCH)

    def _expire(self) -> None:
        self._expired = True
        self._connection.interrupt()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
            if self._expired:
                raise self._too_long()
        except duckdb.Error as error:
            if self._files.failure is not None:
                raise self._files.failure from None
            if self._expired:
                raise self._too_long() from None
            raise explained(error) from None
        except OverflowError:
            raise BadStatement("a day or a time of the answer is too far away to be told") from None
        except RuntimeError as error:  # So DuckDB says that somebody pressed Ctrl-C.
            if "interrupt" in str(error).lower():
                raise KeyboardInterrupt from None
            raise

    def _too_long(self) -> TooMuch:
        return TooMuch(f"the answer was not there within {self._seconds:g} s: ask for less, or give it more time")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()


def explained(error: duckdb.Error) -> Exception:
    """An error of DuckDB in our words; a value that it may speak of is left out."""
    message = str(error)
    match error:
        case duckdb.ParserException() | duckdb.BinderException() | duckdb.CatalogException():
            said = first_line(message.partition(": ")[2])
            more = message.partition("Candidate bindings: ")[2].partition("\n")[0]
            return BadStatement(said + (f": there are {more}" if more else ""))
        case duckdb.OutOfMemoryException():
            return TooMuch(f"the answer needs more than {MEMORY_MIB} MiB of memory: fewer columns, a WHERE, a LIMIT")
        case duckdb.DataError() | duckdb.InvalidInputException() | duckdb.NotSupportedError():
            return BadStatement(
                "the statement does something with a value that cannot be done with it: "
                "TRY_CAST gives NULL where CAST does not work"
            )
        case _:
            return MFTError(f"DuckDB failed ({type(error).__name__})")
