"""Takes a file out of what it is wrapped in: gzip, zip, PGP. What comes out goes its own way, as transfers of its own.

The wrapped original stays sealed as it came. Each member is sealed while it comes out, so that nothing is in clear on
any disk; limits are counted on the bytes that really come out, while they do. All members are entered in the commit
that ends the wrapped transfer, or none: what cannot be unwrapped whole is held. A name in an archive is data, and a
member is sealed under a random id like every other file.
"""

import time
import zlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import mft
from mft.clock import new_id
from mft.domain import STANDARD, TENANT, Doubt, SealedObject, Stage, printable
from mft.errors import Malformed
from mft.ledger.database import Books, Row
from mft.ledger.family import Totals, ancestors, totals
from mft.ledger.transfers import transfer_row
from mft.pipeline import doubts, zip_reader
from mft.pipeline.agreements import Agreed
from mft.pipeline.companions import Witness
from mft.pipeline.conclude import Child, Conclude
from mft.pipeline.doubts import Contents
from mft.pipeline.pgp import Decryption, NoGpg, PgpKeys, PgpRefused
from mft.pipeline.reading import columns_found
from mft.pipeline.zip_reader import PIECE, BadZip
from mft.vault.store import ObjectWriter, Reader, Vault
from parsers.identify import HEAD_BYTES, identify
from partners.unwrap import Unwrap

if TYPE_CHECKING:
    from mft.audit.log import Fact
    from parsers.events import Identified

_SMALL: Final = 16 << 20  # So many bytes may come out of anything: the ratio counts beyond.
_BLOBS_MAX: Final = 8 << 20  # Of small members that wait in memory for the commit; others become files.
_GZIP_PIECE: Final = 1 << 16
_ENDINGS: Final = {"gzip": (b".gz", b".gzip"), "pgp": (b".pgp", b".gpg", b".asc")}
_NO_RELEASE: Final = "a release tries again, and does not let it pass"


class NotUnwrapped(Malformed):
    """The file is held, by this doubt."""

    code = "malformed.wrapping"

    def __init__(self, words: str, doubt: str = "archive") -> None:
        super().__init__(words)
        self.doubt = Doubt(doubt, words)


def _refused(words: str) -> NotUnwrapped:
    return NotUnwrapped(f"{words}; {_NO_RELEASE}")


class _Allowance:
    """How many bytes may still come out. `before` is what came out of the same upload already."""

    def __init__(self, limits: Unwrap, *, size_in: int, root_size: int, before: Totals, seconds: float) -> None:
        self._limits = limits
        self._before = before
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._size_in = size_in
        self._root_size = root_size
        self.members = 0
        self.produced = 0

    def look_at_the_clock(self) -> None:
        if time.monotonic() > self._until:
            raise _refused(f"unwrapping took longer than {self._seconds:,.0f} seconds")

    def member(self) -> None:
        self.members += 1
        most = self._limits.members_max
        if self._before.parts + self.members > most:
            raise _refused(f"more than {most:,} files come out of one upload (members_max)")

    def announced(self, size: int) -> None:
        """So many bytes are said to come."""
        self._within(self._before.size_bytes + self.produced + size)

    def take(self, size: int) -> None:
        self.produced += size
        self._within(self._before.size_bytes + self.produced)
        self.ratio(self.produced, self._size_in)
        self.ratio(self._before.size_bytes + self.produced, self._root_size)
        self.look_at_the_clock()

    def _within(self, size: int) -> None:
        if size > self._limits.bytes_max:
            raise _refused(f"more than {self._limits.bytes_max:,} bytes come out of one upload (bytes_max)")

    def ratio(self, size: int, size_in: int) -> None:
        if size > max(_SMALL, size_in * self._limits.ratio_max):
            raise _refused(f"more than {self._limits.ratio_max:,} times the bytes come out that went in (ratio_max)")


def wrapped_in(opened: Reader, agreed: Agreed) -> "Identified | None":
    """What a file is, if it is wrapped and its feed says that it is to be unwrapped."""
    rules = agreed.feed.unwrap
    if rules is None:
        return None
    identified = identify(opened.read_at(0, HEAD_BYTES))
    return identified if identified.wrapped in rules.allow else None


def no_message(job: Row, agreed: Agreed, wrapped: "Identified | None") -> Doubt | None:
    """Why a file may not pass that arrived in a feed of signed messages, and is none."""
    if job["parent_id"] is not None or not agreed.feed.pgp.signed_by or (wrapped and wrapped.wrapped == "pgp"):
        return None
    return Doubt(
        "pgp", "the files of its feed are signed PGP messages, and this is none; a release lets it pass unsigned"
    )


class Unwrapping:
    """One file, taken out of its wrapping. Nothing of it counts until its `conclusion` is committed.

    Resource handling: `abandon` forgets everything that was sealed.
    """

    def __init__(
        self, vault: Vault, job: Row, agreed: Agreed, identified: "Identified", *, keys: PgpKeys, seconds: float
    ) -> None:
        assert agreed.feed.unwrap is not None
        assert identified.wrapped is not None
        self._vault = vault
        self._job = job
        self._agreed = agreed
        self._limits = agreed.feed.unwrap
        self._identified = identified
        self._kind: str = identified.wrapped
        self._keys = keys
        self._seconds = seconds
        self._waived = frozenset((job["waived"] or "").split())
        self._depth = 0
        self._writer: ObjectWriter | None = None
        self._children: list[Child] = []
        self._files: set[str] = set()
        self._blob_bytes = 0
        self._document = False
        self._doubt: Doubt | None = None
        self._signed_by: str | None = None

    def run(self, books: Books, opened: Reader) -> None:
        """Seal all that is in it; where that may not be, keep the reason."""
        try:
            self._unwrap(books, opened)
        except NotUnwrapped as error:
            self._doubt = error.doubt
        except BadZip as error:
            self._doubt = _refused(str(error)).doubt
        except (PgpRefused, NoGpg) as error:
            self._doubt = Doubt("pgp", str(error))

    def _unwrap(self, books: Books, opened: Reader) -> None:
        self._depth = ancestors(books, self._job["id"]) + 1
        if self._depth > self._limits.depth:
            raise _refused(f"it is wrapped more than {self._limits.depth} times (depth)")
        root = self._job["root_id"]
        allowance = _Allowance(
            self._limits,
            size_in=opened.size,
            root_size=transfer_row(books, root)["size_bytes"],
            before=totals(books, root),
            seconds=self._seconds,
        )
        match self._kind:
            case "zip":
                self._unzip(opened, allowance)
            case "gzip":
                allowance.member()
                self._member(self._inner_name(), _gunzipped(opened, allowance), allowance)
            case _:
                allowance.member()
                wanted = () if "pgp" in self._waived else self._agreed.feed.pgp.signed_by
                message = Decryption(self._keys, wanted)
                self._member(self._inner_name(), message.pieces(opened.chunks(PIECE)), allowance)
                self._signed_by = message.signed_by
        if self._files:
            self._vault.sync_folders(self._files)
        if not self._children and not self._document and "empty" not in self._waived:
            raise NotUnwrapped("the archive has no file in it", "empty")

    def _unzip(self, opened: Reader, allowance: _Allowance) -> None:
        entries = zip_reader.entries(opened, most=self._limits.members_max)
        self._document = zip_reader.is_document(entries)
        if self._document:
            return
        if len({entry.name for entry in entries}) != len(entries):
            raise _refused("two files in it have the same name")
        allowance.announced(sum(entry.size_bytes for entry in entries))
        for entry in entries:
            allowance.member()
            allowance.ratio(entry.size_bytes, entry.packed_bytes)
            path = printable(entry.path) if entry.path != entry.name else None
            self._member(entry.name, zip_reader.content(opened, entry), allowance, path=path)

    def _inner_name(self) -> bytes:
        """The file's own name without the ending of its wrapping, where it has it."""
        name: bytes = self._job["name_bytes"]
        for ending in _ENDINGS[self._kind]:
            if name.lower().endswith(ending) and len(name) > len(ending):
                return name[: -len(ending)]
        return name

    def _member(
        self, name: bytes, pieces: Generator[bytes, None, None], allowance: _Allowance, *, path: str | None = None
    ) -> None:
        writer = self._writer = self._vault.writer(TENANT, retention=self._job["retention"] or STANDARD)
        with closing(pieces):
            for piece in pieces:
                allowance.take(len(piece))
                writer.append(piece)
                if writer.waiting:
                    writer.flush()
        sealed, sha256 = self._kept(writer)
        connection, job = self._agreed.connection, self._job
        feed = connection.feed_of(job["folder_bytes"], name) if connection else None
        evidence: dict[str, Any] = {"out of": self._kind, **({"path": path} if path else {})}
        if self._kind == "zip":
            evidence["member"] = len(self._children) + 1
        self._children.append(
            Child(
                transfer=new_id(),
                kind="member",
                name=name,
                sealed=sealed,
                sha256=sha256,
                evidence=evidence,
                feed=feed.name if feed else job["feed"],
            )
        )

    def _kept(self, writer: ObjectWriter) -> tuple[SealedObject, bytes]:
        """A finished object; a small one as a file, where many of them wait already."""
        sealed, sha256 = writer.finish()
        self._writer = None  # From here on it is known by its id.
        blob = sealed.blob
        if blob is None:
            self._files.add(sealed.id)
        elif self._blob_bytes + len(blob) > _BLOBS_MAX:
            self._files.add(sealed.id)
            self._vault.write_whole(sealed.id, blob)
            sealed = replace(sealed, blob=None)
        else:
            self._blob_bytes += len(blob)
        return sealed, sha256

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        for object_id in self._files:
            self._vault.remove(object_id)
        self._files.clear()
        self._children.clear()

    def weigh(self, books: Books, doubt: Doubt | None) -> Doubt | None:
        """What holds the file: a `doubt` that is known already, what it came with, or that it cannot be unwrapped."""
        known = [doubt] if doubt else []
        found = Contents(self._identified.standard, 0, (), numbered=False)
        whole = doubts.of_arrival(books, self._job, self._agreed, found)
        first = next((one for one in chain(known, whole) if one.code not in self._waived), None)
        return first or self._doubt

    def conclusion(self, runner: str, partner: str, witnesses: tuple[Witness, ...], doubt: Doubt | None) -> Conclude:
        """The verdict, ready to be committed. With a `doubt` about the wrapped file, it is held, and its members go."""
        if doubt is not None:
            self.abandon()
        job, standard = self._job, self._identified.standard
        rest: list[tuple[str, dict[str, Fact]]]
        reason = doubt.words if doubt else None
        if doubt is None and self._document:
            rest = [(Stage.UNSUPPORTED.value, {"standard": standard})]
            reason = "a document that is a zip file by its form: nothing is taken out of it"
        elif doubt is None:
            facts: dict[str, Fact] = {"kind": self._kind, "members": len(self._children), "signed_by": self._signed_by}
            rest = [(Stage.UNWRAPPED.value, facts), (Stage.DONE.value, {"sets_accepted": 0, "sets_rejected": 0})]
        else:
            rest = [(Stage.HELD.value, {"doubt": doubt.code})]
        return Conclude(
            transfer=job["id"],
            runner=runner,
            attempt=job["attempt"],
            connection=job["connection"],
            partner=partner,
            name=printable(job["name_bytes"]),
            size_bytes=job["size_bytes"],
            passed=((Stage.IDENTIFIED.value, {"standard": standard, "version": None}), *rest),
            found=columns_found(
                standard=standard,
                sets="[]",
                parser_version=mft.__version__,
                reason=reason,
                doubt=doubt.code if doubt else None,
                flow_hold=doubt.flow_hold if doubt else None,
            ),
            evidence={"signed by": self._signed_by} if self._signed_by and doubt is None else {},
            witnesses=witnesses,
            children=tuple(self._children),
        )


def _gunzipped(opened: Reader, allowance: _Allowance) -> Generator[bytes, None, None]:
    """What is in a gzip file: of several in a row, one behind the other, as gzip(1) has it.

    Spec: RFC 1952. Zeros may follow, with which tapes are filled up.
    """
    stream = None
    whole = False
    try:
        for chunk in opened.chunks(_GZIP_PIECE):
            data = chunk
            allowance.look_at_the_clock()
            while data:
                if stream is None:
                    data = data.lstrip(b"\x00") if whole else data
                    if not data:
                        break
                    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
                yield stream.decompress(data, PIECE)
                data = stream.unconsumed_tail
                if stream.eof:
                    data, stream, whole = stream.unused_data, None, True
        while stream is not None and not stream.eof and (piece := stream.decompress(b"", PIECE)):
            yield piece
    except zlib.error:
        raise _refused("the gzip file is damaged, or something stands behind it") from None
    if stream is not None and not stream.eof:
        raise _refused("the gzip file is cut short")
