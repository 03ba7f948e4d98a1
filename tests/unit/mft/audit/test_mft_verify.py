"""The auditor's verifier says no to whatever was changed in a log before it was exported, or in the export, and where."""

import ast
import base64
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mft.audit import log as audit_log
from mft.audit import mft_verify
from mft.audit.checkpoint import Checkpoint
from mft.audit.merkle import cover, leaf_hash
from mft.audit.selection import Selection, of_log, of_range, of_time, of_transfer
from mft.audit.verify import verify_log
from mft.errors import AuditMismatch, Missing, NameTaken
from mft.ledger.database import Books
from tests.forgeries import (
    CHANGE,
    CHANGES,
    LEAVES,
    NEW,
    OLD,
    SIZES,
    STRANGER,
    checkpoint,
    exported,
    first_bad,
    kept_notes,
    make_log,
    name_key,
    note_of,
    one,
    opened,
    rebuild,
    resign,
    row_changes,
    run,
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "ledger.db"
    make_log(path)
    return path


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("changed") / "ledger.db"
    make_log(path, keys=2)
    return path


@pytest.fixture
def log(good: Path) -> Iterator[Books]:
    """A log of one key, to be tampered with."""
    books = opened(good)
    yield books
    books.close()


@pytest.fixture
def chain(changed: Path) -> Iterator[Books]:
    """A log of two keys, to be tampered with."""
    books = opened(changed)
    yield books
    books.close()


class Auditor:
    """Takes an export and says what `mft-verify` says of it."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys
        self._count = 0

    def asks(self, export: Path, *keys: str, kept: str = "") -> tuple[int, str]:
        given = [option for key in keys or (OLD.verify_key.vkey,) for option in ("--key", key)]
        if kept:
            (self.root / "kept.txt").write_text(kept, encoding="utf-8")
            given += ["--checkpoint", str(self.root / "kept.txt")]
        code = mft_verify.main([str(export), *given])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def says(
        self, books: Books, *keys: str, kept: str = "", select: Callable[[Books], Selection] = of_log
    ) -> tuple[int, str]:
        self._count += 1
        return self.asks(exported(books, self.root / str(self._count), select), *keys, kept=kept)

    def says_no(self, books: Books, *keys: str, kept: str = "", **options: Any) -> str:
        code, said = self.says(books, *keys, kept=kept, **options)
        assert code == 1, said
        return said

    def says_yes(self, books: Books, *keys: str, kept: str = "", **options: Any) -> str:
        code, said = self.says(books, *keys, kept=kept, **options)
        assert code == 0, said
        return said


@pytest.fixture
def auditor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Auditor:
    return Auditor(tmp_path, capsys)


def ledger_says(books: Books, *keys: str, kept: str = "") -> str:
    """What `mft audit verify` says of it: the reason of its no."""
    from mft.crypto.signing import VerifyKey

    trusted = [VerifyKey.parse(key) for key in keys or (OLD.verify_key.vkey,)]
    with pytest.raises(AuditMismatch) as caught:
        verify_log(books, trusted, pinned=[kept] if kept else [])
    return str(caught.value)


def names(said: str, leaf: int) -> bool:
    """Whether an answer names a leaf, alone or within bounds."""
    bounds = re.search(r"first bad leaf is one of (\d+) to (\d+)", said)
    bounds = bounds or re.search(r"leaves (\d+) to (\d+) may have been changed too", said)
    if bounds and int(bounds[1]) <= leaf <= int(bounds[2]):
        return True
    if bounds and "first bad" in said:
        return int(bounds[1]) <= leaf <= int(bounds[2])
    return re.search(rf"leaf (is )?{leaf}\b", said) is not None


class TestAGoodLog:
    def test_yes(self, log: Books, auditor: Auditor) -> None:
        said = auditor.says_yes(log, kept=kept_notes(log, *SIZES))
        assert said.startswith(
            "yes: 12 leaves are as they were written\n  5 checkpoints, 5 kept elsewhere, the last over 12"
        )
        assert "12 clear values are the ones committed to; 0 are not shown" in said

    def test_without_a_checkpoint_from_elsewhere_it_says_what_that_means(self, log: Books, auditor: Auditor) -> None:
        assert "whoever holds the signing key could have rewritten all of it" in auditor.says_yes(log)

    def test_leaves_behind_the_last_checkpoint_are_told(self, log: Books, auditor: Auditor) -> None:
        audit_log.append(log, "server.stopped", at=1, actor="server")
        audit_log.sequence(log)
        audit_log.append(log, "server.stopped", at=2, actor="server")
        assert "2 leaves are newer than the last checkpoint" in auditor.says_yes(log)

    def test_redacted_it_verifies_as_before(self, log: Books, auditor: Auditor) -> None:
        run(log, "DELETE FROM leaf_clear WHERE leaf_id = (SELECT id FROM leaf WHERE seq = 5)")
        said = auditor.says_yes(log, kept=kept_notes(log, *SIZES))
        assert "11 clear values are the ones committed to; 1 are not shown" in said

    def test_without_clear_values(self, log: Books, auditor: Auditor, tmp_path: Path) -> None:
        export = exported(log, tmp_path / "out", clear=False)
        assert "päth" not in (export / "leaves.ndjson").read_text(encoding="utf-8")
        code, said = auditor.asks(export)
        assert (code, "0 clear values are the ones committed to; 12 are not shown" in said) == (0, True)

    def test_as_a_tar_file(self, log: Books, auditor: Auditor, tmp_path: Path) -> None:
        export = exported(log, tmp_path / "log.tar")
        assert auditor.asks(export)[0] == 0
        with tarfile.open(export) as packed:
            assert {member.name for member in packed} == {
                f"log/{name}" for name in ("README.txt", "checkpoints.txt", "export.json", "keys.txt", "leaves.ndjson", "mft_verify.py")
            }  # fmt: skip

    def test_as_json(self, log: Books, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        export = exported(log, tmp_path / "out")
        assert mft_verify.main([str(export), "--key", OLD.verify_key.vkey, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["verified"], found["leaves"], found["size"], found["redacted"]) == (True, 12, 12, 0)

    def test_a_copy_that_lies_in_the_export_runs_by_itself(self, log: Books, tmp_path: Path) -> None:
        export = exported(log, tmp_path / "out")
        done = subprocess.run(
            [sys.executable, "-I", "mft_verify.py", ".", "--key", OLD.verify_key.vkey],
            capture_output=True, text=True, cwd=export, env={"LC_ALL": "C"},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("yes: 12 leaves")

    def test_it_needs_the_standard_library_and_cryptography_alone(self) -> None:
        tree = ast.parse(Path(mft_verify.__file__).read_text(encoding="utf-8"))
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names) == {"cryptography"}


class TestEverySingleRow:
    @pytest.mark.parametrize(("name", "sql"), list(row_changes()), ids=lambda value: value if ":" in value else "")
    def test_changed(self, log: Books, auditor: Auditor, name: str, sql: str) -> None:
        kept = kept_notes(log, *SIZES)
        assert run(log, sql).rowcount == 1
        said = auditor.says_no(log, kept=kept)
        mine = ledger_says(log, kept=kept)
        if name.startswith("leaf "):
            leaf = int(name.split(":", maxsplit=1)[0].removeprefix("leaf "))
            assert names(said, leaf), said
            assert names(mine, leaf), mine

    def test_a_checkpoint_more_or_less_takes_nothing_away(self, log: Books, auditor: Auditor) -> None:
        kept = kept_notes(log, *SIZES)
        run(log, "DELETE FROM checkpoint WHERE size = 8")
        assert "4 checkpoints, 5 kept elsewhere" in auditor.says_yes(log, kept=kept)


@pytest.mark.parametrize("number", range(LEAVES))
@pytest.mark.parametrize("change", CHANGES)
class TestEveryLeaf:
    def test_the_tree_left_as_it_is(self, log: Books, auditor: Auditor, change: str, number: int) -> None:
        CHANGES[change](log, number)
        bad = first_bad(change, number)
        said = auditor.says_no(log)
        assert f"leaf {bad}:" in said or f"leaf {bad} is" in said, said
        mine = ledger_says(log)
        assert f"leaf {bad}:" in mine or f"leaf {bad} is" in mine, mine

    def test_the_tree_rebuilt(self, log: Books, auditor: Auditor, change: str, number: int) -> None:
        CHANGES[change](log, number)
        rebuild(log)
        bad = first_bad(change, number)
        for said in (auditor.says_no(log), ledger_says(log)):
            assert names(said, bad), said

    def test_signed_anew_with_the_hosts_own_key(self, log: Books, auditor: Auditor, change: str, number: int) -> None:
        kept = kept_notes(log, *SIZES)
        CHANGES[change](log, number)
        rebuild(log)
        resign(log, OLD)
        auditor.says_yes(log)  # By itself it is a good log: that is what checkpoints elsewhere are for.
        bad = first_bad(change, number)
        for said in (auditor.says_no(log, kept=kept), ledger_says(log, kept=kept)):
            assert names(said, bad), said
            assert "kept elsewhere" in said

    def test_in_a_log_of_two_keys_the_host_has_but_one(
        self, chain: Books, auditor: Auditor, change: str, number: int
    ) -> None:
        CHANGES[change](chain, number)
        rebuild(chain)
        resign(chain, NEW)
        auditor.says_no(chain, NEW.verify_key.vkey, OLD.verify_key.vkey)


class TestTruncated:
    @pytest.mark.parametrize("size", range(1, LEAVES))
    def test_found_by_a_checkpoint_kept_elsewhere(self, log: Books, auditor: Auditor, size: int) -> None:
        kept = kept_notes(log, LEAVES)
        run(log, "DELETE FROM leaf_clear WHERE leaf_id IN (SELECT id FROM leaf WHERE seq >= ?)", size)
        run(log, "DELETE FROM leaf WHERE seq >= ?", size)
        run(log, "DELETE FROM checkpoint WHERE size > ?", size)
        rebuild(log)
        checkpoint(log, OLD)
        auditor.says_yes(log)
        expected = (
            f"leaf {size} is missing: the log ends there, and one kept elsewhere was signed over 12 leaves; "
            f"leaves 0 to {size - 1} may have been changed too"
        )
        assert auditor.says_no(log, kept=kept) == f"no: {expected}\n"
        assert ledger_says(log, kept=kept) == expected


class TestSeveralKeys:
    OLD_KEY, NEW_KEY, STRANGE_KEY = OLD.verify_key.vkey, NEW.verify_key.vkey, STRANGER.verify_key.vkey

    @pytest.mark.parametrize("keys", [(OLD_KEY,), (NEW_KEY,), (OLD_KEY, NEW_KEY)])
    @pytest.mark.parametrize("size", [None, *SIZES])
    def test_either_is_enough_with_a_checkpoint_of_either(
        self, chain: Books, auditor: Auditor, keys: tuple[str, ...], size: int | None
    ) -> None:
        said = auditor.says_yes(chain, *keys, kept=kept_notes(chain, size) if size else "")
        assert "2 keys signed it, each brought in by the one before" in said

    @pytest.mark.parametrize("keys", [(STRANGE_KEY,), (OLD_KEY, STRANGE_KEY), (STRANGE_KEY, NEW_KEY)])
    def test_a_key_that_never_signed(self, chain: Books, auditor: Auditor, keys: tuple[str, ...]) -> None:
        for said in (auditor.says_no(chain, *keys), ledger_says(chain, *keys)):
            assert f"not signed by the key you trust, mft/test+{STRANGER.verify_key.key_id.hex()}" in said

    def test_a_key_that_is_named_and_signed_nothing(self, log: Books, auditor: Auditor) -> None:
        name_key(log, NEW.verify_key.vkey, OLD.verify_key.vkey)
        audit_log.sequence(log)
        for said in (auditor.says_no(log, NEW.verify_key.vkey), ledger_says(log, NEW.verify_key.vkey)):
            assert "not signed by the key you trust" in said

    def resigned(self, books: Books, size: int, *keys: Any) -> None:
        note = mft_verify.Note(one(books, "SELECT note FROM checkpoint WHERE size = ?", size))
        signed = note_of(Checkpoint(note.origin, note.size, note.root), *keys)
        run(books, "UPDATE checkpoint SET note = ? WHERE size = ?", signed, size)

    @pytest.mark.parametrize("size", [10, 12])
    def test_the_old_key_goes_on_signing(self, chain: Books, auditor: Auditor, size: int) -> None:
        self.resigned(chain, size, OLD)
        for said in (auditor.says_no(chain), ledger_says(chain)):
            assert f"the checkpoint over {size} leaves does not verify" in said
            assert "no longer in force" in said

    @pytest.mark.parametrize(("by", "lacks"), [(OLD, NEW), (NEW, OLD)])
    def test_a_change_that_one_of_them_did_not_sign(self, chain: Books, auditor: Auditor, by: Any, lacks: Any) -> None:
        self.resigned(chain, 8, by)
        for said in (auditor.says_no(chain), ledger_says(chain)):
            assert "the checkpoint over 8 leaves does not verify" in said
            assert lacks.verify_key.key_id.hex() in said

    def test_the_doubly_signed_checkpoint_gone(self, chain: Books, auditor: Auditor) -> None:
        kept = kept_notes(chain, 8)
        run(chain, "DELETE FROM checkpoint WHERE size = 8")
        for said in (auditor.says_no(chain), ledger_says(chain)):
            assert f"the first after leaf {CHANGE} changed the key" in said
        auditor.says_yes(chain, kept=kept)  # Kept elsewhere it serves as well.

    def test_the_new_key_signs_before_its_time(self, chain: Books, auditor: Auditor) -> None:
        self.resigned(chain, 5, NEW)
        assert "the checkpoint over 5 leaves does not verify" in auditor.says_no(chain)

    @pytest.mark.parametrize(
        ("key", "replaces", "said"),
        [
            (STRANGE_KEY, None, "does not follow the one in force"),
            (STRANGE_KEY, NEW_KEY, "does not follow the one in force"),
            (OLD_KEY, OLD_KEY, "does not follow the one in force"),
            ("mft/test+00000000+AAAA", OLD_KEY, "names a signing key that is none"),
            ("", OLD_KEY, "names a signing key that is none"),
        ],
    )
    def test_a_leaf_that_brings_in_what_does_not_follow(
        self, log: Books, auditor: Auditor, key: str, replaces: str | None, said: str
    ) -> None:
        name_key(log, OLD.verify_key.vkey, None)
        name_key(log, key, replaces)
        checkpoint(log, OLD)
        assert f"leaf 13: it brings a signing key in that {said}" in auditor.says_no(log) or said in auditor.says_no(
            log
        )
        assert "leaf 13" in ledger_says(log)

    def test_a_first_leaf_that_names_another_than_who_signed_before(self, log: Books, auditor: Auditor) -> None:
        name_key(log, NEW.verify_key.vkey, None)
        checkpoint(log, NEW)
        for said in (auditor.says_no(log, self.NEW_KEY), ledger_says(log, self.NEW_KEY)):
            assert "the checkpoint over 3 leaves does not verify" in said

    def test_named_late_it_is_the_same_key(self, log: Books, auditor: Auditor) -> None:
        name_key(log, OLD.verify_key.vkey, None)
        checkpoint(log, OLD)
        auditor.says_yes(log)

    def test_an_export_that_lists_another_first_key(self, chain: Books, auditor: Auditor, tmp_path: Path) -> None:
        export = exported(chain, tmp_path / "out")
        for lines in (f"{self.NEW_KEY}\n", f"{self.STRANGE_KEY}\n", "", "mft/test\n"):
            (export / "keys.txt").write_text(lines)
            assert auditor.asks(export)[0] == 1


class TestAPart:
    @pytest.mark.parametrize("begin", range(LEAVES))
    def test_every_range(self, chain: Books, auditor: Auditor, begin: int) -> None:
        kept = kept_notes(chain, *SIZES)
        for end in range(begin + 1, LEAVES + 1):
            select = partial(of_range, begin=begin, end=end, cuts=SIZES)
            said = auditor.says_yes(chain, OLD.verify_key.vkey, NEW.verify_key.vkey, kept=kept, select=select)
            assert "5 kept elsewhere, the last over 12" in said
            assert f"leaves {begin} to {end - 1} are" in said or begin == 0
            verify_log(chain, [OLD.verify_key, NEW.verify_key], pinned=[kept], select=select)

    @pytest.mark.parametrize("transfer", ["t0", "t1", "t2"])
    def test_a_transfer(self, chain: Books, auditor: Auditor, transfer: str) -> None:
        said = auditor.says_yes(chain, select=partial(of_transfer, transfer=transfer))
        assert "others of the log are not in this export" in said
        found = verify_log(chain, [OLD.verify_key], select=partial(of_transfer, transfer=transfer))
        assert found.leaves == (4 if transfer == "t1" else 5)  # With the change of keys, which tells of none.

    def test_a_time(self, log: Books) -> None:
        found = verify_log(log, [OLD.verify_key], select=partial(of_time, since=1003, until=1007))
        assert (found.leaves, found.size) == (4, 12)

    def test_what_is_not_there(self, log: Books) -> None:
        for select in (
            partial(of_range, begin=12, end=20),
            partial(of_range, begin=5, end=5),
            partial(of_time, since=5000, until=6000),
            partial(of_transfer, transfer="none"),
        ):
            with pytest.raises(Missing):
                select(log)

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_leaf_changed_within(self, log: Books, auditor: Auditor, change: str) -> None:
        CHANGES[change](log, 6)
        said = auditor.says_no(log, select=partial(of_range, begin=5, end=9))
        assert "leaf 6" in said
        rebuild(log)
        assert names(auditor.says_no(log, select=partial(of_range, begin=5, end=9)), 6)

    def test_a_leaf_hidden_behind_its_hash(self, log: Books, auditor: Auditor, tmp_path: Path) -> None:
        export = exported(log, tmp_path / "out")
        lines = (export / "leaves.ndjson").read_text(encoding="utf-8").splitlines(keepends=True)
        digest = leaf_hash(json.loads(lines[5])["body"].encode()).hex()
        lines[5] = json.dumps({"level": 0, "position": 5, "hash": digest}) + "\n"
        (export / "leaves.ndjson").write_text("".join(lines), encoding="utf-8")
        assert auditor.asks(export) == (1, "no: leaf 5 is missing: only its hash is there\n")

    def test_a_checkpoint_kept_elsewhere_where_no_leaf_is_shown(self, log: Books, auditor: Auditor) -> None:
        code, said = auditor.says(log, kept=kept_notes(log, 5), select=partial(of_range, begin=10, end=12))
        assert code == 2
        assert "cannot be held against the checkpoint over 5 leaves: make it again with --checkpoint" in said

    def test_a_log_cut_off_is_found_by_a_part_too(self, log: Books, auditor: Auditor) -> None:
        kept = kept_notes(log, 12)
        run(log, "DELETE FROM leaf WHERE seq >= 10")
        run(log, "DELETE FROM checkpoint WHERE size > 10")
        rebuild(log)
        assert "leaf 10 is missing" in auditor.says_no(log, kept=kept, select=partial(of_range, begin=2, end=4))

    def test_any_gap_is_covered_by_full_subtrees(self) -> None:
        for begin in range(40):
            for end in range(begin, 40):
                at = begin
                for level, position in cover(begin, end):
                    assert position << level == at
                    at += 1 << level
                assert at == end


class TestADamagedExport:
    """Any input gives an answer, and none is yes that should not be."""

    FILES = ("leaves.ndjson", "checkpoints.txt", "keys.txt", "export.json")

    @pytest.fixture
    def export(self, chain: Books, tmp_path: Path) -> Path:
        return exported(chain, tmp_path / "out")

    @pytest.mark.parametrize("name", FILES)
    def test_a_byte_changed(self, export: Path, auditor: Auditor, name: str) -> None:
        good = (export / name).read_bytes()
        for at in range(0, len(good), 7):
            (export / name).write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
            code, said = auditor.asks(export)
            assert code == 1 or name == "export.json", f"{at}: {said}"
            assert code in {0, 1}
        (export / name).write_bytes(good)
        assert auditor.asks(export)[0] == 0

    @pytest.mark.parametrize("name", FILES)
    def test_cut_short(self, export: Path, auditor: Auditor, name: str) -> None:
        good = (export / name).read_bytes()
        kept = (export / "checkpoints.txt").read_text(encoding="utf-8")
        for at in range(0, len(good) - 1, 23):
            (export / name).write_bytes(good[:at])
            code, said = auditor.asks(export, kept=kept)
            whole = name == "checkpoints.txt" and good[:at].endswith((b"", b"\n")[at > 0])
            assert code == 1 or whole, f"{at}: {said}"

    @pytest.mark.parametrize("name", FILES)
    def test_a_file_missing(self, export: Path, auditor: Auditor, name: str) -> None:
        (export / name).unlink()
        assert auditor.asks(export)[0] == 1

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize(
        "content",
        [b"", b"\n", b"[]\n", b"{}\n", b"null\n", b"7\n", b"\xff\xfe\n", b'{"v": 1}\n', b"[" * 100_000 + b"\n",
         b'{"level":true,"position":0,"hash":""}\n', b'{"v":1,"from":-1,"to":1e999}\n', b"9" * 5000 + b"\n"],
    )  # fmt: skip
    def test_another_file_in_its_place(self, export: Path, auditor: Auditor, name: str, content: bytes) -> None:
        (export / name).write_bytes(content)
        code, said = auditor.asks(export)
        assert code == 1
        assert said.startswith("no: ")

    def test_lines_twice_and_in_another_order(self, export: Path, auditor: Auditor) -> None:
        lines = (export / "leaves.ndjson").read_bytes().splitlines(keepends=True)
        for changed in (lines[::-1], lines[:3] + lines[2:], lines + lines, lines[1:], lines[:-1]):
            (export / "leaves.ndjson").write_bytes(b"".join(changed))
            assert auditor.asks(export)[0] == 1

    def test_no_export_at_all(self, auditor: Auditor, tmp_path: Path) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        assert auditor.asks(empty)[0] == 1
        (tmp_path / "file").write_bytes(b"no tar")
        assert auditor.asks(tmp_path / "file")[0] == 1
        assert auditor.asks(tmp_path / "none")[0] == 2

    def test_a_tar_file_cut_short(self, chain: Books, auditor: Auditor, tmp_path: Path) -> None:
        whole = exported(chain, tmp_path / "log.tar").read_bytes()
        cut = tmp_path / "cut.tar"
        for at in range(0, len(whole) * 2 // 3, 1777):
            cut.write_bytes(whole[:at])
            assert auditor.asks(cut)[0] in {1, 0}
        cut.write_bytes(whole[: len(whole) // 3])
        assert auditor.asks(cut)[0] == 1

    @pytest.mark.parametrize("key", ["", "nonsense", "/none/audit.pub", OLD.verify_key.vkey[:-2]])
    def test_a_key_that_is_none(self, export: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert mft_verify.main([str(export), "--key", key]) == 2
        assert capsys.readouterr().err.startswith("mft-verify: --key")

    def test_without_a_key(self, export: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            mft_verify.main([str(export)])
        assert ended.value.code == 2
        assert "--key" in capsys.readouterr().err


class TestWriting:
    def test_nothing_is_replaced(self, log: Books, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        with pytest.raises(NameTaken):
            exported(log, tmp_path / "out")
        (tmp_path / "link").symlink_to("nowhere")
        with pytest.raises(NameTaken):
            exported(log, tmp_path / "link")

    @pytest.mark.parametrize("name", ["out", "out.tar"])
    def test_stopped_half_way_nothing_is_left(
        self, log: Books, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("mft.audit.export._notes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            exported(log, tmp_path / name)
        assert list(tmp_path.iterdir()) == []

    def test_others_cannot_read_it(self, log: Books, tmp_path: Path) -> None:
        out = exported(log, tmp_path / "out")
        assert out.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
        assert exported(log, tmp_path / "out.tar").stat().st_mode & 0o777 == 0o600


def test_an_export_can_be_moved(tmp_path: Path, log: Books, auditor: Auditor) -> None:
    shutil.move(exported(log, tmp_path / "out"), tmp_path / "elsewhere")
    assert auditor.asks(tmp_path / "elsewhere")[0] == 0


def receipt_of(books: Books, index: int, size: int = LEAVES, *, clear: bool = True) -> str:
    """The receipt of a leaf, as docs/formats/receipt.md describes it."""
    from mft.audit.merkle import inclusion_proof
    from mft.audit.selection import stored_node

    leaf, body = run(books, "SELECT id, body FROM leaf WHERE seq = ?", index).fetchone()
    shown = run(books, "SELECT field, salt, value FROM leaf_clear WHERE leaf_id = ? ORDER BY field", leaf).fetchall()
    lines = [f"clear {field} {salt.hex()} {json.dumps(value, ensure_ascii=False)}\n" for field, salt, value in shown]
    proof = inclusion_proof(index, size, lambda level, position: stored_node(books, level, position))
    return (
        f"mft.receipt/v1\nleaf {bytes(body).decode()}\n{''.join(lines) if clear else ''}\n"
        f"c2sp.org/tlog-proof@v1\nindex {index}\n{''.join(base64.b64encode(one).decode() + chr(10) for one in proof)}\n"
        f"{kept_notes(books, size)}"
    )


class TestReceipts:
    @pytest.fixture
    def says(self, tmp_path: Path, auditor: Auditor) -> Callable[..., tuple[int, str]]:
        def ask(receipt: str | bytes, *keys: str, kept: str = "") -> tuple[int, str]:
            (tmp_path / "a.receipt").write_bytes(receipt if isinstance(receipt, bytes) else receipt.encode())
            return auditor.asks(tmp_path / "a.receipt", *keys, kept=kept)

        return ask

    @pytest.mark.parametrize("size", SIZES)
    def test_of_every_leaf(self, chain: Books, says: Callable[..., tuple[int, str]], size: int) -> None:
        for index in range(size):
            code, said = says(receipt_of(chain, index, size), OLD.verify_key.vkey, NEW.verify_key.vkey)
            assert code == 0, said
            assert said.startswith(f"yes: leaf {index} of {size} says ")
            assert index == CHANGE or f"name: päth{index}" in said

    def test_without_what_was_redacted(self, log: Books, says: Callable[..., tuple[int, str]]) -> None:
        code, said = says(receipt_of(log, 5, clear=False))
        assert (code, "1 values that it commits to are not shown" in said) == (0, True)

    def test_by_a_key_that_is_not_trusted(self, log: Books, says: Callable[..., tuple[int, str]]) -> None:
        assert says(receipt_of(log, 5), NEW.verify_key.vkey)[0] == 1

    def test_against_a_checkpoint_kept_elsewhere(self, log: Books, says: Callable[..., tuple[int, str]]) -> None:
        assert says(receipt_of(log, 5), kept=kept_notes(log, 12))[0] == 0
        assert says(receipt_of(log, 5), kept=kept_notes(log, 10))[0] == 2
        note = note_of(Checkpoint("mft/test", 12, bytes(32)), OLD)
        assert says(receipt_of(log, 5), kept=note)[0] == 1

    def test_any_byte_changed(self, log: Books, says: Callable[..., tuple[int, str]]) -> None:
        good = receipt_of(log, 5).encode()
        for at in range(len(good)):
            assert says(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])[0] == 1, at

    def test_cut_short_or_grown(self, log: Books, says: Callable[..., tuple[int, str]]) -> None:
        good = receipt_of(log, 5).encode()
        for changed in [good[:at] for at in range(0, len(good), 5)] + [good + b"\n", b"\n" + good, good * 2]:
            assert says(changed)[0] == 1

    @pytest.mark.parametrize(("leaf", "size"), [(5, 8), (5, 10), (6, 12), (4, 12)])
    def test_with_the_proof_of_another(
        self, log: Books, says: Callable[..., tuple[int, str]], leaf: int, size: int
    ) -> None:
        mine, other = receipt_of(log, 5), receipt_of(log, leaf, size)
        assert says(mine.partition("c2sp.org")[0] + "c2sp.org" + other.partition("c2sp.org")[2])[0] == (leaf != 5)
        assert (
            says(mine.rpartition("\n\nmft/test")[0] + "\n\nmft/test" + kept_notes(log, 10).partition("mft/test")[2])[0]
            == 1
        )
