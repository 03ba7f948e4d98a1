"""What is wrapped and what comes out: members as transfers of their own, and everything that holds a file instead."""

import gzip
import io
import json
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mft.domain import TENANT
from mft.errors import NoSpace, UnsealFailed
from mft.pipeline import runner as runner_module
from mft.pipeline import unwrap, zip_reader
from mft.pipeline.erase import Erase
from mft.pipeline.parse import Parser
from mft.pipeline.unwrap import Unwrapping
from mft.pipeline.upload import Upload
from mft.pipeline.zip_reader import BadZip
from mft.vault.store import ObjectWriter
from partners.connection import Connection, Key, Login
from partners.feed import Feed
from partners.load import Directory, profile_of
from tests.archives import Member, gpg_home, handmade, nested_gzip, overlapping, zipped
from tests.harness import ROOT, sample
from tests.unit.mft.ledger.entries import ACME, arrival
from tests.unit.mft.pipeline.conftest import _KEY_LINE, Desk

ORDERS = sample("orders-850.edi")
CLAIMS = sample("claims-837p.edi")
PDF = sample("remittance-note.pdf")


def noise(seed: int, size: int) -> bytes:
    """Bytes that no packing makes smaller."""
    return random.Random(seed).randbytes(size)  # noqa: S311  Noise, not keys.


def put_in_force(desk: Desk, *feeds: Feed) -> None:
    login = Login(user="acme", keys=[Key(key=_KEY_LINE)])
    profile = profile_of(Connection(id=ACME.connection, name="acme", logins=[login], feeds=feeds))
    desk.directory = Directory({ACME.connection: profile})


def receive(desk: Desk, name: bytes, content: bytes, feed: str = "wrapped") -> str:
    upload = Upload(desk.vault, TENANT, replace(arrival(name), feed=feed))
    upload.write(0, memoryview(content))
    return desk.close(upload)


def children(desk: Desk, transfer: str) -> list[dict[str, Any]]:
    rows = desk.books.rows(runner_module.transfers._LIST, {
        "stage_is": "", "partner_is": "", "before": "~", "most": 100_000
    })  # fmt: skip
    found = [row for row in rows if row["parent_id"] == transfer and row["direction"] == "inbound"]
    return sorted(found, key=lambda row: row["id"])


def until_quiet(desk: Desk, parser: Parser) -> int:
    done = 0
    while turned := desk.turn(parser):
        done += turned
    return done


@pytest.fixture
def wrapped(desk: Desk) -> Desk:
    put_in_force(desk, Feed(name="wrapped", pattern="*", unwrap=True))
    return desk


def held(desk: Desk, parser: Parser, content: bytes, name: bytes = b"file.zip") -> str:
    """A file is held, nothing comes out of it, and nothing stays; returns the reason."""
    transfer = receive(desk, name, content)
    files = set(desk.files())
    desk.turn(parser)
    row = desk.row(transfer)
    assert row["stage"] == "held", row["stage"]
    assert row["doubt"] in {"archive", "pgp", "empty"}
    assert desk.kinds(transfer)[-2:] == ["transfer.identified", "transfer.held"]
    assert desk.types(transfer) == ["transfer.received", "transfer.held"]
    assert children(desk, transfer) == []
    assert set(desk.files()) == files
    reason: str = row["reason"]
    return reason


class TestMembers:
    def test_a_zip_of_two_is_two_transfers_which_are_read_and_answered(self, wrapped: Desk, parser: Parser) -> None:
        transfer = receive(wrapped, b"day.zip", zipped({"in/orders.edi": ORDERS, "note.pdf": PDF}))
        assert wrapped.turn(parser) == 1
        outer = wrapped.row(transfer)
        assert (outer["stage"], outer["reason"], outer["standard"]) == ("done", None, "binary")
        assert wrapped.kinds(transfer) == [
            "transfer.received", "transfer.identified", "transfer.unwrapped", "transfer.done",
        ]  # fmt: skip
        facts = wrapped.leaf(transfer, "transfer.unwrapped")["facts"]
        assert facts == {"kind": "zip", "members": 2, "signed_by": None}
        orders, note = children(wrapped, transfer)
        assert (orders["name_bytes"], orders["stage"], orders["listed"]) == (b"orders.edi", "received", 0)
        assert (orders["root_id"], orders["feed"]) == (transfer, "wrapped")
        assert json.loads(orders["evidence"]) == {"out of": "zip", "path": "in/orders.edi", "member": 1}
        assert wrapped.opened(orders["object_id"]) == ORDERS
        assert wrapped.opened(outer["object_id"])[:2] == b"PK"
        assert until_quiet(wrapped, parser) == 2
        assert wrapped.row(orders["id"])["stage"] == "done"
        assert wrapped.row(orders["id"])["sets_accepted"] == 2
        assert "ack.sent" in wrapped.types(orders["id"])
        assert wrapped.row(note["id"])["stage"] == "done"

    @pytest.mark.parametrize(
        ("name", "inner"),
        [
            (b"orders.edi.gz", b"orders.edi"),
            (b"ORDERS.EDI.GZ", b"ORDERS.EDI"),
            (b"orders.edi", b"orders.edi"),
            (b".gz", b".gz"),
            (b"orders.gzip", b"orders"),
        ],
    )
    def test_gzip_has_the_name_without_its_ending(
        self, wrapped: Desk, parser: Parser, name: bytes, inner: bytes
    ) -> None:
        out = io.BytesIO()
        with gzip.GzipFile("/etc/passwd", "wb", fileobj=out) as file:  # Its own name is data, and nobody's.
            file.write(ORDERS)
        transfer = receive(wrapped, name, out.getvalue())
        wrapped.turn(parser)
        (child,) = children(wrapped, transfer)
        assert child["name_bytes"] == inner
        assert wrapped.opened(child["object_id"]) == ORDERS
        assert "passwd" not in json.dumps([child["evidence"], wrapped.events(transfer)])

    def test_several_gzip_files_in_a_row_are_one_and_zeros_may_follow(self, wrapped: Desk, parser: Parser) -> None:
        content = gzip.compress(ORDERS[:500]) + gzip.compress(b"") + gzip.compress(ORDERS[500:]) + bytes(512)
        transfer = receive(wrapped, b"a.gz", content)
        wrapped.turn(parser)
        (child,) = children(wrapped, transfer)
        assert wrapped.opened(child["object_id"]) == ORDERS

    def test_wrappings_in_each_other_come_off_one_by_one(self, wrapped: Desk, parser: Parser) -> None:
        transfer = receive(wrapped, b"a.zip", zipped({"b.zip": zipped({"c.edi.gz": gzip.compress(ORDERS)})}))
        assert until_quiet(wrapped, parser) == 4
        (one,) = children(wrapped, transfer)
        (two,) = children(wrapped, one["id"])
        (three,) = children(wrapped, two["id"])
        assert [row["name_bytes"] for row in (one, two, three)] == [b"b.zip", b"c.edi.gz", b"c.edi"]
        assert {row["root_id"] for row in (one, two, three)} == {transfer}
        assert three["stage"] == "done"
        assert three["sets_accepted"] == 2

    @pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    @pytest.mark.parametrize("force_zip64", [False, True])
    def test_members_come_out_as_they_went_in(
        self, wrapped: Desk, parser: Parser, size: int, method: int, force_zip64: Any
    ) -> None:
        content = noise(size, size)
        transfer = receive(
            wrapped, b"a.zip", zipped({"d/": b"", "d/x": content}, method=method, force_zip64=force_zip64)
        )
        wrapped.turn(parser)
        (child,) = children(wrapped, transfer)
        assert wrapped.opened(child["object_id"]) == content
        assert child["size_bytes"] == size

    def test_a_member_is_of_the_feed_that_its_name_is_of(self, desk: Desk, parser: Parser) -> None:
        put_in_force(desk, Feed(name="edi", pattern="*.edi"), Feed(name="wrapped", pattern="*.zip", unwrap=True))
        transfer = receive(desk, b"a.zip", zipped({"x.edi": ORDERS, "x.txt": b"hello", "y.zip": zipped({"z": b"z"})}))
        desk.turn(parser)
        assert [row["feed"] for row in children(desk, transfer)] == ["edi", "wrapped", "wrapped"]

    @pytest.mark.parametrize("feed", ["wrapped", "none", ""])
    def test_nothing_is_unwrapped_where_the_feed_does_not_say_so(self, desk: Desk, parser: Parser, feed: str) -> None:
        put_in_force(desk, Feed(name="wrapped", pattern="*", unwrap={"allow": ["gzip"]}), Feed(name="none"))
        transfer = receive(desk, b"a.zip", zipped({"x.edi": ORDERS}), feed)
        desk.turn(parser)
        assert desk.row(transfer)["stage"] == "unsupported"
        assert children(desk, transfer) == []

    def test_many_small_members_do_not_wait_in_memory(
        self, wrapped: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unwrap, "_BLOBS_MAX", 1000)
        contents = {f"{number}.txt": b"%03d" % number * 100 for number in range(20)}
        transfer = receive(wrapped, b"a.zip", zipped(contents))
        wrapped.turn(parser)
        found = children(wrapped, transfer)
        assert {row["name_bytes"].decode(): wrapped.opened(row["object_id"]) for row in found} == contents
        assert 0 < len(wrapped.files()) < 20

    @pytest.mark.parametrize("sign", ["[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF"])
    def test_a_document_is_no_archive(self, wrapped: Desk, parser: Parser, sign: str) -> None:
        transfer = receive(wrapped, b"prices.xlsx", zipped({"a/x.xml": b"<x/>", sign: b"", "b/x.xml": b"<x/>"}))
        wrapped.turn(parser)
        row = wrapped.row(transfer)
        assert (row["stage"], row["doubt"]) == ("unsupported", None)
        assert "a document" in row["reason"]
        assert wrapped.types(transfer) == ["transfer.received", "transfer.held"]
        assert children(wrapped, transfer) == []


NAMES = {
    "a backslash": [b"a\\b.edi", b"..\\x"],
    "begins at the root": [b"/etc/passwd", b"C:evil", b"c:/x"],
    "leads out of its folder": [b"../x", b"a/../../x", b"a/..", b"a/."],
    "has no name": [b"", b"a\x00b"],
    "longer than": [b"a" * 256, b"a/" * 600],
}


class TestHostileArchives:
    @pytest.mark.parametrize(("rule", "path"), [(rule, path) for rule, paths in NAMES.items() for path in paths])
    def test_names_are_data(self, wrapped: Desk, parser: Parser, rule: str, path: bytes) -> None:
        reason = held(wrapped, parser, handmade(Member(b"good.edi", ORDERS), Member(path)))
        assert rule in reason
        assert "entry 2" in reason
        assert "passwd" not in reason
        assert "does not let it pass" in reason

    LIES: ClassVar = {
        "link": (Member(external=0o120777 << 16), "link"),
        "device": (Member(external=0o020666 << 16), "device"),
        "folder mode": (Member(external=0o040755 << 16), "no file"),
        "folder with content": (Member(b"d/", b"content"), "folder with content"),
        "encrypted": (Member(flags=1), "encrypted"),
        "encrypted, as its own header says": (Member(local_flags=1), "something else"),
        "another method": (Member(method=14), "method 14"),
        "wrong checksum": (Member(crc=1), "checksum"),
        "says it is smaller": (Member(content=b"x" * 1000, size=10), "larger"),
        "says it is larger": (Member(content=b"x" * 10, size=1000), "smaller"),
        "stored, larger": (Member(method=0, content=b"x" * 10, size=11), "smaller"),
        "two sizes": (Member(local_size=1), "something else"),
        "two names": (Member(local_path=b"orders.exe"), "something else"),
        "no deflate": (Member(packed=b"\xff" * 20), "does not unpack"),
        "cut deflate": (Member(packed=zlib.compress(ORDERS, 9, -15)[:-3], content=ORDERS), "does not unpack"),
        "data behind deflate": (Member(packed=zlib.compress(b"ISA", 9, -15) + b"!"), "does not unpack"),
        "not there": (Member(at=1_000_000), "not where"),
    }

    @pytest.mark.parametrize("lie", LIES)
    def test_lies_of_an_entry(self, wrapped: Desk, parser: Parser, lie: str) -> None:
        member, words = self.LIES[lie]
        reason = held(wrapped, parser, handmade(Member(b"good.edi", ORDERS), member))
        assert words in reason
        assert "entry 2" in reason

    def test_lies_of_a_directory(self, wrapped: Desk, parser: Parser) -> None:
        good = handmade(Member(content=ORDERS))
        assert "cut short" in held(wrapped, parser, good[:-30])
        assert "cut short" in held(wrapped, parser, good + b"behind")
        assert "not where it says" in held(wrapped, parser, handmade(Member(), shift=3))
        assert "not in its directory" in held(wrapped, parser, handmade(Member(), count=2))
        assert "longer than its entries" in held(wrapped, parser, handmade(Member(), Member(b"b"), count=1))
        assert "two directories" in held(
            wrapped, parser, handmade(Member(), comment=handmade(Member(b"other"), comment=b"")[-22:])
        )
        assert "the same name" in held(wrapped, parser, handmade(Member(b"a/x"), Member(b"b/x")))

    def test_entries_that_share_their_data(self, wrapped: Desk, parser: Parser) -> None:
        bomb = overlapping()
        assert len(bomb) < 20_000
        assert "lie over each other" in held(wrapped, parser, bomb)

    def test_an_archive_of_nothing(self, wrapped: Desk, parser: Parser) -> None:
        assert "no file in it" in held(wrapped, parser, zipped({}))
        assert "no file in it" in held(wrapped, parser, zipped({"only/folders/": b""}))

    @pytest.mark.parametrize("spoil", [lambda c: c[:-1], lambda c: c[:-8] + bytes(8), lambda c: c + b"behind",
                                       lambda c: c[:40], lambda c: c + c[:30]])  # fmt: skip
    def test_spoilt_gzip(self, wrapped: Desk, parser: Parser, spoil: Any) -> None:
        assert "gzip file is" in held(wrapped, parser, spoil(gzip.compress(ORDERS)), b"a.gz")

    def test_any_byte_of_an_archive_altered_comes_out_the_same_or_not_at_all(self, tmp_path: Any) -> None:
        """Whatever is altered in the archive: what comes out of an entry is what went in."""
        whole = zipped({"a.edi": ORDERS[:300], "b/c.edi": b"x" * 500})
        wanted = {(b"a.edi", ORDERS[:300]), (b"b/c.edi", b"x" * 500)}
        refused = 0
        for at in range(len(whole)):
            for bit in (0, 4, 7):
                altered = bytearray(whole)
                altered[at] ^= 1 << bit
                try:
                    file = Bytes(bytes(altered))
                    found = {
                        (entry.path, b"".join(zip_reader.content(file, entry)))
                        for entry in zip_reader.entries(file, most=10)
                    }
                except BadZip:
                    refused += 1
                else:
                    assert {content for _, content in found} == {content for _, content in wanted}
        assert refused > len(whole)

    def test_any_bytes_are_an_archive_or_are_refused(self) -> None:
        dice = random.Random(7)  # noqa: S311  Dice, not keys.
        whole = zipped({"a.edi": ORDERS[:300], "b/c.edi": b"x" * 500})
        for _ in range(3000):
            altered = bytearray(whole)
            for _ in range(dice.randint(1, 8)):
                altered[dice.randrange(len(altered))] = dice.choice((0, 1, 0xFF, dice.randrange(256)))
            if dice.random() < 0.3:
                del altered[dice.randrange(len(altered)) :]
            file = Bytes(bytes(altered))
            try:
                for entry in zip_reader.entries(file, most=10):
                    for piece in zip_reader.content(file, entry):
                        assert len(piece) <= zip_reader.PIECE
            except BadZip:
                pass


class Bytes:
    """Plaintext at any offset."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)

    def read_at(self, offset: int, size: int) -> bytes:
        assert offset >= 0
        assert size >= 0
        return self.content[offset : offset + size]


def test_a_part_is_kept_when_the_wrapped_file_is_erased(wrapped: Desk, parser: Parser) -> None:
    transfer = receive(wrapped, b"a.zip", zipped({"note.bin": b"\x00\x01"}))
    until_quiet(wrapped, parser)
    wrapped.core.run(Erase(transfer, ("original", "records", "names"), reason="test", actor="test"))
    assert wrapped.row(transfer)["erased"]
    (child,) = children(wrapped, transfer)
    assert child["erased"] == 0
    assert (child["name_bytes"], wrapped.opened(child["object_id"])) == (b"note.bin", b"\x00\x01")


class TestLimits:
    def limited(self, desk: Desk, **limits: int) -> None:
        put_in_force(desk, Feed(name="wrapped", unwrap=limits))

    def test_a_bomb_is_stopped_while_it_goes_off(
        self, wrapped: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        produced = []
        append = ObjectWriter.append
        monkeypatch.setattr(
            ObjectWriter, "append", lambda self, piece: (produced.append(len(piece)), append(self, piece))
        )
        bomb = gzip.compress(bytes(200 << 20))
        receive_size = len(bomb)
        assert "(ratio_max)" in held(wrapped, parser, bomb, b"a.gz")
        assert sum(produced) < receive_size * 200 + (1 << 20)

    def test_a_zip_bomb_that_lies_about_its_size(self, wrapped: Desk, parser: Parser) -> None:
        bomb = handmade(Member(content=bytes(64 << 20), size=100))
        assert "larger than the directory says" in held(wrapped, parser, bomb)

    def test_a_zip_bomb_that_does_not_lie(self, wrapped: Desk, parser: Parser) -> None:
        assert "(ratio_max)" in held(wrapped, parser, handmade(Member(content=bytes(64 << 20))))
        many = [Member(b"%d" % number, bytes(10 << 20)) for number in range(20)]
        assert "(ratio_max)" in held(wrapped, parser, handmade(*many))

    def test_bytes(self, desk: Desk, parser: Parser) -> None:
        self.limited(desk, bytes_max=1000)
        assert "1,000 bytes come out of one upload (bytes_max)" in held(desk, parser, gzip.compress(ORDERS), b"a.gz")
        assert "(bytes_max)" in held(desk, parser, zipped({"a": b"x" * 600, "b": b"y" * 600}))

    def test_a_bomb_does_not_hide_behind_what_is_large(self, wrapped: Desk, parser: Parser) -> None:
        bomb = gzip.compress(bytes(64 << 20))
        transfer = receive(wrapped, b"a.zip", zipped({"large.bin": noise(1, 2 << 20), "bomb.gz": bomb}))
        until_quiet(wrapped, parser)
        large, inner = children(wrapped, transfer)
        assert (large["stage"], inner["stage"]) == ("done", "held")
        assert "(ratio_max)" in inner["reason"]

    def test_members(self, desk: Desk, parser: Parser) -> None:
        self.limited(desk, members_max=2)
        assert "3 entries, and 2 are allowed" in held(desk, parser, zipped({"a": b"1", "b": b"2", "c": b"3"}))
        transfer = receive(desk, b"a.zip", zipped({"a": b"1", "b": b"2"}))
        desk.turn(parser)
        assert len(children(desk, transfer)) == 2

    def test_what_is_nested_counts_with_the_whole(self, desk: Desk, parser: Parser) -> None:
        self.limited(desk, members_max=3)
        inner = zipped({"x": b"1", "y": b"2"})
        transfer = receive(desk, b"a.zip", zipped({"1.zip": inner, "2.zip": zipped({"z": b"3"})}))
        until_quiet(desk, parser)
        first, second = children(desk, transfer)
        assert first["stage"] == "held"
        assert "3 files come out of one upload (members_max)" in first["reason"]
        assert second["stage"] == "done"

    def test_bytes_of_what_is_nested_count_too(self, desk: Desk, parser: Parser) -> None:
        content = noise(1, 1000)
        self.limited(desk, bytes_max=2500)
        receive(desk, b"a.gz", nested_gzip(content, 2))
        receive(desk, b"b.gz", nested_gzip(content, 3))
        until_quiet(desk, parser)
        rows = runner_module.transfers.transfer_rows(desk.books, most=100)
        assert sum(row["stage"] == "held" for row in rows) == 1

    @pytest.mark.parametrize(("times", "stage"), [(3, "done"), (4, "held")])
    def test_depth(self, wrapped: Desk, parser: Parser, times: int, stage: str) -> None:
        receive(wrapped, b"a" + b".gz" * times, nested_gzip(ORDERS, times))
        until_quiet(wrapped, parser)
        newest = next(row for row in runner_module.transfers.transfer_rows(wrapped.books, most=100)
                      if row["direction"] == "inbound")  # fmt: skip
        assert newest["stage"] == stage
        if stage == "held":
            assert "wrapped more than 3 times (depth)" in newest["reason"]

    def test_time(self, wrapped: Desk, parser: Parser) -> None:
        wrapped.runner._seconds = -1
        assert "took longer" in held(wrapped, parser, zipped({"a": ORDERS}))
        assert "took longer" in held(wrapped, parser, gzip.compress(ORDERS), b"a.gz")

    def test_ten_thousand_members(self, desk: Desk, parser: Parser) -> None:
        many = zipped({f"{number}.txt": b"%d" % number for number in range(10_000)})
        self.limited(desk)
        assert "10,000 entries, and 1,000 are allowed" in held(desk, parser, many)
        self.limited(desk, members_max=10_000)
        transfer = receive(desk, b"many.zip", many)
        desk.turn(parser)
        assert desk.row(transfer)["stage"] == "done"
        found = children(desk, transfer)
        assert len({row["object_id"] for row in found}) == 10_000


class TestFailures:
    def test_a_full_disk_is_not_the_files_fault(
        self, wrapped: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transfer = receive(wrapped, b"a.zip", zipped({"a": ORDERS, "b": noise(1, 300_000)}))
        files = set(wrapped.files())

        def full(*_: object) -> None:
            raise NoSpace("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(ObjectWriter, "finish", full)
            patch.setattr(wrapped.runner._stop, "wait", lambda _: None)
            wrapped.turn(parser)
        assert set(wrapped.files()) == files
        assert wrapped.row(transfer)["stage"] == "received"
        wrapped.turn(parser)
        assert len(children(wrapped, transfer)) == 2

    def test_what_rots_in_the_vault_is_quarantined_and_leaves_nothing(
        self, wrapped: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = noise(1, 3_000_000)
        transfer = receive(wrapped, b"a.zip", zipped({"a": content, "b": content}))
        files = set(wrapped.files())

        def rotten(self: Unwrapping, *arguments: object) -> None:
            unwrapped(self, *arguments)
            raise UnsealFailed("altered")

        unwrapped = Unwrapping._unwrap
        monkeypatch.setattr(Unwrapping, "_unwrap", rotten)
        wrapped.turn(parser)
        assert wrapped.row(transfer)["stage"] == "quarantined"
        assert children(wrapped, transfer) == []
        assert set(wrapped.files()) == files

    def test_a_claim_that_was_lost_leaves_nothing(self, wrapped: Desk, parser: Parser) -> None:
        content = noise(1, 300_000)
        transfer = receive(wrapped, b"a.zip", zipped({"a": content}))
        files = set(wrapped.files())
        (job,) = wrapped.claim()
        wrapped.runner._work(parser, {**job, "attempt": 7})
        assert set(wrapped.files()) == files
        assert children(wrapped, transfer) == []


def test_memory_is_bounded_whatever_is_unwrapped(made_ledger: Path, tmp_path: Path) -> None:
    """Each in its turn, in one process: what it grows by is measured from what receiving them took."""
    folder = tmp_path / "in"
    (tmp_path / "vault").mkdir()
    (tmp_path / "scratch").mkdir()
    folder.mkdir()
    shutil.copy(made_ledger, tmp_path / "ledger.db")
    large = noise(1, 1 << 20) * 100
    contents = {
        "large.gz": gzip.compress(large, 1),
        "large.zip": zipped({"a": large, "b": large}, method=zipfile.ZIP_STORED),
        "bomb.gz": gzip.compress(bytes(500 << 20), 9),
        "bomb.zip": handmade(Member(content=bytes(500 << 20))),
        "many.zip": zipped({f"{number}.txt": noise(number, 30_000) for number in range(3_000)}),
        "names.zip": zipped({f"{'d' * 200}/" * 4 + f"{number}.txt": b"x" for number in range(10_000)}),
        "comment.zip": handmade(*(Member(b"%d" % number, b"x") for number in range(100)), comment=bytes(60_000)),
    }
    if shutil.which("gpg"):
        with gpg_home(Path(tempfile.mkdtemp(dir="/dev/shm"))) as gpg:
            contents["large.pgp"] = gpg.run("--store", content=large)
            contents["bomb.pgp"] = gpg.run("--store", "--compress-algo", "bzip2", content=bytes(200 << 20))
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.mft.pipeline.unwrap_memory", tmp_path, *sorted(folder.iterdir())],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    del told["warm.zip"]
    assert told.keys() == contents.keys()
    for name, row in told.items():
        assert row["grown"] < 64 << 10, row
        assert row["stage"] == ("held" if "bomb" in name else "done"), row
