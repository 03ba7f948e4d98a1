"""The only file system that DuckDB sees: sealed objects under made-up names, opened as they are read.

Nothing is ever in clear on a disk. Names begin with a random word, so that nobody can guess one, and stand for

- *lines*: the NDJSON of some sets, a few MiB together, each record with the columns of where it is from before its own;
- *parts*: cached Parquet, read at any offset;
- *outlets*: what DuckDB writes, handed on as it comes.

Error handling: what fails in here reaches DuckDB's caller as an error of DuckDB; `failure` has the one that was meant.
"""

import io
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from fsspec import AbstractFileSystem

from mft.clock import moment
from mft.errors import Broken, MFTError
from mft.ledger.database import Row
from mft.vault.store import Reader

_LINES_BYTES: Final = 8 << 20  # Of one file of lines; a record that is longer is a file of its own.
_TEXTS: Final = 4  # Files of lines that are kept: each is opened twice, by each thread.
_READERS: Final = 8  # Open parts: each holds a MiB.
_ORDINAL: Final = 12  # Digits, so that sizes are known beforehand.
_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)  # No name is ever used for something else.


class Outlet(Protocol):
    """Where a file goes that DuckDB writes."""

    def write(self, data: bytes, /) -> object: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Slice:
    """Bytes `begin` to `end` of a set's records, `lines` of them; `first` is the ordinal of the first one."""

    object_id: str
    prefix: bytes
    begin: int
    end: int
    lines: int
    first: int

    @property
    def size(self) -> int:
        return self.end - self.begin + self.lines * (len(self.prefix) + _ORDINAL)  # A comma for a brace.


class Files(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types.
    """What one connection may read and write.

    Resource handling: `close` ends what is open; a writer's outlet is closed by DuckDB.
    """

    protocol = "mft"
    cachable = False

    def __init__(self, open_object: Callable[[str], Reader]) -> None:
        super().__init__()
        self.failure: MFTError | OSError | None = None
        self.folder: Final = f"mft://{secrets.token_hex(16)}/"
        self._open_object = open_object
        self._lock = threading.RLock()  # Around the ledger, the readers and the texts: DuckDB reads in many threads.
        self._lines: dict[str, list[_Slice]] = {}
        self._parts: dict[str, tuple[str, int]] = {}
        self._outlets: dict[str, Outlet] = {}
        self._texts: OrderedDict[str, bytes] = OrderedDict()
        self._readers: OrderedDict[str, Reader] = OrderedDict()

    # What there is

    def add_lines(self, sets: Sequence[Row]) -> list[str]:
        """Make the records of these sets readable; returns the names to read, in order."""
        names: list[str] = []
        waiting: list[_Slice] = []
        size = 0
        for one in (piece for row in sets for piece in self._slices(row)):
            if waiting and size + one.size > _LINES_BYTES:
                names.append(self._name(self._lines, waiting))
                waiting, size = [], 0
            waiting.append(one)
            size += one.size
        if waiting:
            names.append(self._name(self._lines, waiting))
        return names

    def add_part(self, object_id: str, size: int) -> str:
        return self._name(self._parts, (object_id, size))

    def add_outlet(self, outlet: Outlet) -> str:
        return self._name(self._outlets, outlet)

    def _name(self, table: dict[str, Any], what: Any) -> str:
        name = f"{self.folder}{len(self._lines) + len(self._parts) + len(self._outlets)}"
        table[name] = what
        return name

    def _slices(self, row: Row) -> Iterator[_Slice]:
        """A set whole, or in pieces that end with a record where it is long."""
        about = {
            "_transfer": row["transfer_id"],
            "_partner": row["partner"],
            "_received_at": moment(row["received_at"]).replace(tzinfo=None).isoformat(sep=" "),
            "_set": row["set_position"],
            "_map": row["map_version"],
        }
        prefix = json.dumps(about)[:-1].encode() + b', "_record":'
        whole = _Slice(row["object_id"], prefix, 0, row["plain_size"], row["records"], 1)
        if whole.size <= 2 * _LINES_BYTES:
            yield whole
            return
        with self._lock:
            reader = self._open_object(row["object_id"])
            try:
                yield from _cut(reader, row["object_id"], prefix)
            finally:
                reader.close()

    def close(self) -> None:
        with self._lock:
            self._texts.clear()
            while self._readers:
                self._readers.popitem()[1].close()

    # What DuckDB asks

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        return path in self._lines or path in self._parts

    def isfile(self, path: str) -> bool:
        return self.exists(path)

    def isdir(self, path: str) -> bool:  # noqa: ARG002
        return False

    def size(self, path: str) -> int:
        if path in self._parts:
            return self._parts[path][1]
        return sum(one.size for one in self._lines[path])

    def modified(self, path: str) -> datetime:  # noqa: ARG002
        return _NEVER

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if "w" in mode and path in self._outlets:
            return _OutletFile(self, self._outlets[path])
        if path in self._parts:
            return _PartFile(self, path)
        if path in self._lines:
            return io.BytesIO(self._text(path))
        raise FileNotFoundError(path)

    def read_part(self, path: str, offset: int, size: int) -> bytes:
        object_id, whole = self._parts[path]
        with self._lock, self.told():
            reader = self._readers.pop(path, None) or self._open_object(object_id)
            self._readers[path] = reader
            if len(self._readers) > _READERS:
                self._readers.popitem(last=False)[1].close()
            if reader.size != whole:
                raise Broken(f"object {object_id} does not have the size that the ledger says")
            return reader.read_at(offset, size)

    def _text(self, path: str) -> bytes:
        with self._lock, self.told():
            text = self._texts.pop(path, None)
            if text is None:
                text = b"".join(self._text_of(one) for one in self._lines[path])
            self._texts[path] = text
            if len(self._texts) > _TEXTS:
                self._texts.popitem(last=False)
            return text

    def _text_of(self, one: _Slice) -> bytes:
        reader = self._open_object(one.object_id)
        try:
            raw = reader.read_at(one.begin, one.end - one.begin)
        finally:
            reader.close()
        text = _with_prefix(raw, one.prefix, one.first)
        if len(text) != one.size:
            raise Broken(f"object {one.object_id} does not hold as many records as the ledger says")
        return text

    @contextmanager
    def told(self) -> Iterator[None]:
        """Keep the first error that passes."""
        try:
            yield
        except (MFTError, OSError) as error:
            self.failure = self.failure or error
            raise


class _OutletFile:
    """What DuckDB writes to an outlet."""

    def __init__(self, files: Files, outlet: Outlet) -> None:
        self._files = files
        self._outlet = outlet

    def write(self, data: bytes) -> int:
        with self._files.told():
            self._outlet.write(data)
        return len(data)

    def close(self) -> None:
        with self._files.told():
            self._outlet.close()


class _PartFile:
    """A part, at a position for each thread: DuckDB seeks and reads in two calls, in several threads at once."""

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path
        self._positions: dict[int, int] = {}

    def seek(self, offset: int, whence: int = 0) -> int:
        assert whence == 0
        self._positions[threading.get_ident()] = offset
        return offset

    def tell(self) -> int:
        return self._positions.get(threading.get_ident(), 0)

    def read(self, size: int = -1) -> bytes:
        here = self.tell()
        data = self._files.read_part(self._path, here, size if size >= 0 else self._files.size(self._path))
        self._positions[threading.get_ident()] = here + len(data)
        return data

    def close(self) -> None:
        self._positions.clear()


def _with_prefix(raw: bytes, prefix: bytes, first: int) -> bytes:
    """NDJSON with the prefix and its ordinal in each object. Parts of one record have the ordinal of one record."""
    lines = raw.split(b"\n")
    if lines[-1]:
        raise Broken("records end without an end of line")
    made = []
    ordinal = first
    for line in lines[:-1]:
        made.append(b"%b%*d,%b\n" % (prefix, _ORDINAL, ordinal, line[1:]))
        ordinal += not _continues(line)
    return b"".join(made)


def _continues(line: bytes) -> bool:
    """Whether another part of the same record follows: its provenance, the first object in it, says so."""
    return b'"continued":true' in line[: line.find(b"}")]


def _cut(reader: Reader, object_id: str, prefix: bytes) -> Iterator[_Slice]:
    begin, first, ordinal, lines = 0, 1, 1, 0
    offset = 0
    rest = b""
    for chunk in reader.chunks(_LINES_BYTES):
        pieces = (rest + chunk).split(b"\n")
        rest = pieces.pop()
        for line in pieces:
            offset += len(line) + 1
            lines += 1
            ordinal += not _continues(line)
        if lines:
            yield _Slice(object_id, prefix, begin, offset, lines, first)
            begin, first, lines = offset, ordinal, 0
    if rest:
        raise Broken("records end without an end of line")
