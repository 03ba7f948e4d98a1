"""The verifier says no: whatever is changed in a copy of a good log, and it names the place."""

# ruff: noqa: S608  The forger writes what SQL he likes.

import base64
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mft.audit import checkpoint as notes
from mft.audit.log import append, canonical, make_checkpoint, sequence
from mft.audit.merkle import Frontier, leaf_hash
from mft.audit.selection import BATCH
from mft.audit.verify import Verified, verify_log
from mft.cli.main import main
from mft.config import DEFAULT_CONFIG
from mft.crypto.keyring import SIGNING_KEY, VERIFY_KEY
from mft.crypto.signing import SigningKey
from mft.errors import AuditMismatch
from mft.home import Home
from mft.ledger.database import Books, Ledger, Writer, reading, sqlite_driver
from mft.ledger.migrate import migrate

KEY = SigningKey("mft/test", bytes(range(32)))
LEAVES = 7  # Under checkpoints over 3, 5 and 7.
COLUMNS = ("id", "tenant_id", "seq", "at", "kind", "actor", "connection", "transfer_id", "result", "body")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with a good log, closed: one file."""
    path = tmp_path_factory.mktemp("good") / "ledger.db"
    ledger = Ledger(f"sqlite:{path}")
    migrate(ledger)
    writer = Writer(ledger)
    for number in range(LEAVES):
        writer.run(lambda books, number=number: _leaf(books, number))
        if number in {2, 4, 6}:
            writer.run(lambda books: make_checkpoint(books, KEY, at=9))
    writer.run(lambda books: books.script("SELECT 1"))
    writer.close()
    connection = sqlite_driver.connect(str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def _leaf(books: Books, number: int) -> str:
    return append(
        books,
        "transfer.received",
        at=1000 + number,
        actor="connection:c1",
        connection="c1" if number % 2 else None,
        transfer="t1",
        facts={"size_bytes": number},
        private={"name": f"päth{number}"},
    )


@pytest.fixture
def log(good: Path) -> Iterator[Books]:
    """A copy of the good log, in memory, to be tampered with."""
    source = sqlite_driver.connect(str(good))
    copy = sqlite_driver.connect(":memory:", isolation_level=None)
    source.backup(copy)
    source.close()
    books = Books(copy, "sqlite")
    yield books
    books.close()


def run(books: Books, sql: str, *values: Any) -> Any:
    return books._connection.execute(sql, values)


def one(books: Books, sql: str, *values: Any) -> Any:
    return run(books, sql, *values).fetchone()[0]


def verified(books: Books, **options: Any) -> Verified:
    return verify_log(books, [KEY.verify_key], **options)


def says_no(books: Books, *, pinned: str | None = None) -> str:
    with pytest.raises(AuditMismatch) as caught:
        verified(books, pinned=[pinned] if pinned else [])
    return str(caught.value)


def test_says_yes(log: Books) -> None:
    found = verified(log)
    assert (found.leaves, found.unsigned, found.checkpoints, found.size) == (7, 0, 3, 7)
    assert verified(log) == found  # Looking changes nothing.


def test_tells_how_far_it_is(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:{tmp_path / 'ledger.db'}")
    migrate(ledger)
    writer = Writer(ledger)
    writer.run(lambda books: [append(books, "server.stopped", at=1, actor="server") for _ in range(BATCH + 1)])
    writer.run(lambda books: make_checkpoint(books, KEY, at=2))
    writer.close()
    told: list[int] = []
    with reading(ledger) as books:
        verify_log(books, [KEY.verify_key], progress=told.append)
    assert told == [BATCH, BATCH + 1]


def test_by_several_processes_it_is_the_same(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mft.audit.verify._WORTH_PROCESSES", 1)
    monkeypatch.setattr("mft.audit.selection.BATCH", 4)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    ledger = Ledger(f"sqlite:{shutil.copy(good, tmp_path / 'ledger.db')}")
    with reading(ledger) as books:
        assert verified(books, ledger=ledger) == verified(books)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("UPDATE leaf SET actor = 'nobody' WHERE seq = 5")
    connection.close()
    with reading(ledger) as books, pytest.raises(AuditMismatch, match=r"^leaf 5: its column actor"):
        verified(books, ledger=ledger)


class TestALeaf:
    def test_any_byte_of_its_body(self, log: Books) -> None:
        for number in range(LEAVES):
            body = bytes(one(log, "SELECT body FROM leaf WHERE seq = ?", number))
            for at in range(len(body)):
                changed = body[:at] + bytes([body[at] ^ (1 << at % 8)]) + body[at + 1 :]
                run(log, "UPDATE leaf SET body = ? WHERE seq = ?", changed, number)
                said = says_no(log)
                assert f"leaf {number}" in said or f"node {number} of level 0" in said, said
            run(log, "UPDATE leaf SET body = ? WHERE seq = ?", body, number)
        verified(log)

    @pytest.mark.parametrize("column", [column for column in COLUMNS if column != "body"])
    def test_any_column_beside_its_body(self, log: Books, column: str) -> None:
        for number in range(LEAVES):
            row = one(log, "SELECT rowid FROM leaf WHERE seq = ?", number)
            old = one(log, f"SELECT {column} FROM leaf WHERE rowid = ?", row)
            new = old + 10 if isinstance(old, int) else "x" if old is None else old[:-1] + chr(ord(old[-1]) ^ 1)
            run(log, f"UPDATE leaf SET {column} = ? WHERE rowid = ?", new, row)
            said = says_no(log)
            assert f"leaf {number}" in said, said
            assert column == "seq" or column in said
            run(log, f"UPDATE leaf SET {column} = ? WHERE rowid = ?", old, row)
        verified(log)

    @pytest.mark.parametrize("column", ["connection", "transfer_id"])
    def test_a_column_emptied(self, log: Books, column: str) -> None:
        run(log, f"UPDATE leaf SET {column} = NULL WHERE seq = 3")
        assert says_no(log) == f"leaf 3: its column {column} does not say what its body says"

    @pytest.mark.parametrize("number", range(LEAVES))
    def test_deleted(self, log: Books, number: int) -> None:
        run(log, "DELETE FROM leaf WHERE seq = ?", number)
        said = says_no(log)
        assert f"leaf {number} is missing" in said

    @pytest.mark.parametrize("number", range(LEAVES))
    def test_deleted_and_the_rest_moved_up(self, log: Books, number: int) -> None:
        run(log, "DELETE FROM leaf WHERE seq = ?", number)
        run(log, "UPDATE leaf SET seq = -seq WHERE seq > ?", number)
        run(log, "UPDATE leaf SET seq = -seq - 1 WHERE seq < 0")
        assert f"node {number} of level 0" in says_no(log) or number == LEAVES - 1

    @pytest.mark.parametrize("number", range(LEAVES - 1))
    def test_two_swapped(self, log: Books, number: int) -> None:
        run(log, "UPDATE leaf SET seq = -1 WHERE seq = ?", number)
        run(log, "UPDATE leaf SET seq = ? WHERE seq = ?", number, number + 1)
        run(log, "UPDATE leaf SET seq = ? WHERE seq = -1", number + 1)
        assert f"node {number} of level 0" in says_no(log)

    def test_its_number_taken_away(self, log: Books) -> None:
        run(log, "UPDATE leaf SET seq = NULL WHERE seq = 6")
        assert "leaf 6 is missing: the log ends there" in says_no(log)

    @pytest.mark.parametrize("number", range(LEAVES))
    def test_rewritten_with_columns_and_tree_to_match(self, log: Books, number: int) -> None:
        """A forger who knows our code: every hash fits again, and the signed checkpoints do not."""
        body = json.loads(one(log, "SELECT body FROM leaf WHERE seq = ?", number))
        body["facts"]["size_bytes"] = 999
        run(log, "UPDATE leaf SET body = ? WHERE seq = ?", canonical(body), number)
        rebuild(log)
        size = next(size for size in (3, 5, 7) if size > number)
        good = max(at for at in (0, 3, 5) if at <= number)
        assert says_no(log) == (
            f"the first bad leaf is one of {good} to {size - 1}: "
            f"they do not give the root that the checkpoint over {size} leaves was signed for"
        )

    def test_inserted_in_the_middle_with_tree_to_match(self, log: Books) -> None:
        run(log, "UPDATE leaf SET seq = -seq WHERE seq >= 4")
        run(log, "UPDATE leaf SET seq = 1 - seq WHERE seq < 0")
        leaf = append(log, "server.stopped", at=1, actor="server")
        run(log, "UPDATE leaf SET seq = 4 WHERE id = ?", leaf)
        rebuild(log)
        assert "the first bad leaf is one of 3 to 4:" in says_no(log)

    def test_added_at_the_end_is_unsigned(self, log: Books) -> None:
        append(log, "server.stopped", at=1, actor="server")
        assert verified(log).unsigned == 1
        sequence(log)
        assert verified(log).unsigned == 1

    def test_without_a_number_its_columns_are_looked_at_too(self, log: Books) -> None:
        leaf = append(log, "server.stopped", at=1, actor="server")
        run(log, "UPDATE leaf SET actor = 'nobody' WHERE id = ?", leaf)
        assert says_no(log) == f"leaf {leaf}, which has no number yet: its column actor does not say what its body says"

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"7", b"\xff", b'"text"', b'{"id":1}', "text", 5])
    def test_that_is_none(self, log: Books, body: Any) -> None:
        run(log, "UPDATE leaf SET body = ? WHERE seq = 2", body)
        assert says_no(log) == "leaf 2: its body is not a leaf"


def rebuild(log: Books) -> None:
    """The tree that the leaves as they stand now would have."""
    run(log, "DELETE FROM node")
    frontier = Frontier()
    for (body,) in run(log, "SELECT body FROM leaf WHERE seq IS NOT NULL ORDER BY seq").fetchall():
        for level, position, digest in frontier.append(leaf_hash(bytes(body))):
            run(log, "INSERT INTO node (level, position, hash) VALUES (?, ?, ?)", level, position, digest)


class TestTheTree:
    def test_any_byte_of_any_node(self, log: Books) -> None:
        for level, position, digest in run(log, "SELECT level, position, hash FROM node").fetchall():
            for at in range(len(digest)):
                changed = digest[:at] + bytes([digest[at] ^ 1]) + digest[at + 1 :]
                run(log, "UPDATE node SET hash = ? WHERE level = ? AND position = ?", changed, level, position)
                said = says_no(log)
                if level:
                    assert said == f"tree node {position} of level {level} is not the hash of its leaves"
                else:
                    assert f"leaf {position} is not the one in the tree" in said
            run(log, "UPDATE node SET hash = ? WHERE level = ? AND position = ?", digest, level, position)
        verified(log)

    def test_a_node_missing(self, log: Books) -> None:
        for level, position, digest in run(log, "SELECT level, position, hash FROM node").fetchall():
            run(log, "DELETE FROM node WHERE level = ? AND position = ?", level, position)
            assert f"node {position} of level {level}" in says_no(log)
            run(log, "INSERT INTO node (level, position, hash) VALUES (?, ?, ?)", level, position, digest)
        verified(log)

    @pytest.mark.parametrize("place", [(0, 7), (0, 100), (1, 3), (2, 1), (3, 0), (9, 0), (0, -1)])
    def test_a_node_too_many(self, log: Books, place: tuple[int, int]) -> None:
        run(log, "INSERT INTO node (level, position, hash) VALUES (?, ?, ?)", *place, bytes(32))
        says_no(log)


class TestCheckpoints:
    def test_any_character_of_a_note(self, log: Books) -> None:
        for leaf_count, note in run(log, "SELECT size, note FROM checkpoint").fetchall():
            for at in range(0, len(note), 3):
                changed = note[:at] + chr(ord(note[at]) ^ 1) + note[at + 1 :]
                run(log, "UPDATE checkpoint SET note = ? WHERE size = ?", changed, leaf_count)
                assert f"checkpoint over {leaf_count} leaves does not verify" in says_no(log)
            run(log, "UPDATE checkpoint SET note = ? WHERE size = ?", note, leaf_count)
        verified(log)

    def test_listed_at_another_size(self, log: Books) -> None:
        run(log, "UPDATE checkpoint SET size = 4 WHERE size = 5")
        assert says_no(log) == "the checkpoint over 4 leaves does not verify: it says 5"

    def test_signed_by_another_key_of_the_same_name(self, log: Books) -> None:
        other = SigningKey(KEY.name, bytes(32))
        note = one(log, "SELECT note FROM checkpoint WHERE size = 7")
        signed = notes.sign(notes.verify(note, KEY.verify_key), other)
        run(log, "UPDATE checkpoint SET note = ? WHERE size = 7", signed)
        assert "does not verify" in says_no(log)

    def test_all_of_it_signed_anew_by_another_key(self, log: Books) -> None:
        other = SigningKey(KEY.name, bytes(32))
        run(log, "DELETE FROM checkpoint")
        make_checkpoint(log, other, at=1)
        assert verify_log(log, [other.verify_key]).checkpoints == 1
        assert "does not verify" in says_no(log)

    def test_none_left(self, log: Books) -> None:
        run(log, "DELETE FROM checkpoint")
        assert says_no(log) == "there is no checkpoint: nothing signed vouches for this log"

    def test_one_in_the_middle_removed_still_leaves_the_last(self, log: Books) -> None:
        run(log, "DELETE FROM checkpoint WHERE size = 5")
        assert verified(log).checkpoints == 2

    def cut(self, log: Books, size: int) -> str:
        """Take the end of the log away: leaves, clear values, nodes and checkpoints. Returns the last note."""
        note = one(log, "SELECT note FROM checkpoint WHERE size = 7")
        run(log, "DELETE FROM leaf_clear WHERE leaf_id IN (SELECT id FROM leaf WHERE seq >= ?)", size)
        run(log, "DELETE FROM leaf WHERE seq >= ?", size)
        run(log, "DELETE FROM checkpoint WHERE size > ?", size)
        rebuild(log)
        assert isinstance(note, str)
        return note

    def test_a_log_cut_off_behind_a_checkpoint_is_found_by_one_kept_elsewhere(self, log: Books) -> None:
        note = self.cut(log, 5)
        assert verified(log).size == 5  # By itself it is whole.
        assert says_no(log, pinned=note) == (
            "leaf 5 is missing: the log ends there, and one kept elsewhere was signed over 7 leaves; "
            "leaves 0 to 4 may have been changed too"
        )

    def test_a_log_forged_behind_a_checkpoint_is_found_by_one_kept_elsewhere(self, log: Books) -> None:
        note = self.cut(log, 5)
        for _ in range(2):
            append(log, "server.stopped", at=1, actor="server")
        make_checkpoint(log, KEY, at=1)
        assert verified(log).size == 7
        assert "the first bad leaf is one of 0 to 6: they do not give" in says_no(log, pinned=note)

    def test_one_kept_elsewhere_that_is_in_the_log(self, log: Books) -> None:
        for (note,) in run(log, "SELECT note FROM checkpoint").fetchall():
            assert verified(log, pinned=[note]).leaves == 7

    def test_one_kept_elsewhere_is_checked_like_any_other(self, log: Books) -> None:
        note = one(log, "SELECT note FROM checkpoint WHERE size = 7")
        with pytest.raises(AuditMismatch):
            verified(log, pinned=[note.replace("\n7\n", "\n6\n")])


class TestClearValues:
    @pytest.mark.parametrize(
        ("change", "value"),
        [
            ("value", "päth4"),
            ("value", ""),
            ("salt", bytes(16)),
            ("salt", b"short"),
            ("salt", b""),
            ("field", "sha256"),
            # Types that a text or blob column of SQLite takes all the same.
            ("value", b"bytes"),
            ("value", 7),
            ("salt", "text"),
            ("salt", 16),
        ],
    )
    def test_changed(self, log: Books, change: str, value: Any) -> None:
        leaf = one(log, "SELECT id FROM leaf WHERE seq = 3")
        run(log, f"UPDATE leaf_clear SET {change} = ? WHERE leaf_id = ?", value, leaf)
        field = value if change == "field" else "name"
        assert says_no(log) == f"leaf 3: the clear value of {field} is not the one it committed to"

    def test_moved_to_another_leaf(self, log: Books) -> None:
        three, four = (one(log, "SELECT id FROM leaf WHERE seq = ?", number) for number in (3, 4))
        run(log, "DELETE FROM leaf_clear WHERE leaf_id = ?", four)
        run(log, "UPDATE leaf_clear SET leaf_id = ? WHERE leaf_id = ?", four, three)
        assert says_no(log) == "leaf 4: the clear value of name is not the one it committed to"

    def test_of_no_leaf(self, log: Books) -> None:
        run(log, "UPDATE leaf_clear SET leaf_id = 'none' WHERE leaf_id = (SELECT id FROM leaf WHERE seq = 3)")
        assert says_no(log) == "there are clear values of leaves that do not exist"

    def test_deleted_is_a_redaction_and_leaves_every_proof_valid(self, log: Books) -> None:
        before = verified(log)
        run(log, "DELETE FROM leaf_clear")
        assert verified(log) == replace(before, clears=0, redacted=LEAVES)


class TestTypesThatOnlyAForgerWrites:
    """SQLite's columns take any type; the answer is still no, and never an accident."""

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE checkpoint SET note = CAST(note AS BLOB) WHERE size = 5",
            "UPDATE checkpoint SET note = x'ff00' WHERE size = 5",
            "UPDATE checkpoint SET size = 'many' WHERE size = 5",
            "UPDATE checkpoint SET size = x'05' WHERE size = 5",
            "UPDATE leaf SET seq = 'five' WHERE seq = 5",
            "UPDATE leaf SET seq = 5.5 WHERE seq = 5",
            "UPDATE leaf SET body = CAST(body AS TEXT) WHERE seq = 5",
            "UPDATE leaf SET at = 'then' WHERE seq = 5",
            "UPDATE leaf SET kind = x'00' WHERE seq = 5",
            "UPDATE node SET hash = 'text' WHERE level = 0 AND position = 5",
            "UPDATE node SET hash = x'' WHERE level = 0 AND position = 5",
        ],
    )
    def test_no(self, log: Books, sql: str) -> None:
        assert run(log, sql).rowcount == 1
        says_no(log)


class TestTheFileItself:
    """`mft audit verify` on a home whose ledger was changed underneath SQLite."""

    @pytest.fixture
    def home(self, tmp_path: Path, good: Path) -> Home:
        home = Home(tmp_path / "home")
        for folder in (home.keys, home.data, home.partners):
            folder.mkdir(parents=True)
        home.config_file.write_text(DEFAULT_CONFIG)
        KEY.save(home.keys / SIGNING_KEY)
        KEY.verify_key.save(home.keys / VERIFY_KEY)
        shutil.copy(good, home.data / "ledger.db")
        return home

    def verify(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["mft", "audit", "verify", "--home", str(home.root)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    def test_untouched(self, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, err = self.verify(home, monkeypatch, capsys)
        assert (code, err) == (0, "")
        assert out.startswith("yes: 7 leaves are as they were written\n")

    def test_a_byte_of_any_leaf_flipped_on_the_disk(
        self, home: Home, good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        image = good.read_bytes()
        with sqlite3.connect(good) as connection:
            bodies = [bytes(body) for (body,) in connection.execute("SELECT body FROM leaf ORDER BY seq")]
        connection.close()
        for body in bodies:
            begin = image.index(body)
            for at in range(begin - 12, begin + len(body) + 3, 11):  # Also in the record's header and its neighbour.
                changed = bytearray(image)
                changed[at] ^= 0x15
                (home.data / "ledger.db").write_bytes(changed)
                code, out, err = self.verify(home, monkeypatch, capsys)
                assert code == 1, (at - begin, out, err)
                assert out.startswith("no: ")
                assert "Traceback" not in out + err
                for leftover in home.data.glob("ledger.db-*"):
                    leftover.unlink()

    @pytest.mark.parametrize("kept", [0, 1, 100, 4096, 0.3, 0.5, "leaf"])
    def test_cut_short(
        self,
        home: Home,
        good: Path,
        kept: float | str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        image = good.read_bytes()
        if kept == "leaf":
            with sqlite3.connect(good) as connection:
                kept = image.index(connection.execute("SELECT body FROM leaf WHERE seq = 3").fetchone()[0])
            connection.close()
        assert not isinstance(kept, str)
        size = int(kept * len(image)) if isinstance(kept, float) else kept
        (home.data / "ledger.db").write_bytes(image[:size])
        code, out, err = self.verify(home, monkeypatch, capsys)
        assert code == 1, (out, err)
        assert out.startswith("no: ")
        assert "Traceback" not in out + err

    def test_no_ledger_at_all_is_no_answer(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (home.data / "ledger.db").unlink()
        code, out, err = self.verify(home, monkeypatch, capsys)
        assert (code, out) == (3, "")
        assert "no ledger" in err


def test_the_note_is_what_other_tools_read(log: Books) -> None:
    note = one(log, "SELECT note FROM checkpoint WHERE size = 7")
    name, size, root, *_ = note.split("\n")
    assert (name, size) == ("mft/test", "7")
    assert base64.b64decode(root).hex() == verified(log).root
