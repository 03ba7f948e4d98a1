"""Two verifiers that share no line, in two languages, say the same of good exports and of forged ones."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mft.audit import mft_verify
from mft.audit.selection import of_log, of_range, of_transfer
from mft.audit.verify import verify_log
from mft.errors import AuditMismatch
from mft.ledger.database import Books
from tests.forgeries import (
    CHANGES,
    NEW,
    OLD,
    SIZES,
    STRANGER,
    checkpoint,
    exported,
    kept_notes,
    make_log,
    name_key,
    opened,
    rebuild,
    resign,
    row_changes,
    run,
)
from tests.harness import peer

SECOND = Path(__file__).with_name("second_verifier.mjs")
Agree = Callable[..., int]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A log of one key, and one of two."""
    root = tmp_path_factory.mktemp("logs")
    for keys in (1, 2):
        make_log(root / f"{keys}.db", keys=keys)
    return [root / "1.db", root / "2.db"]


@pytest.fixture
def agree(tmp_path: Path) -> Agree:
    """Ask both; returns the code that both gave."""
    node = peer("node")

    def ask(export: Path, *keys: str, kept: str = "") -> int:
        given = [option for key in keys or (OLD.verify_key.vkey,) for option in ("--key", key)]
        if kept:
            (tmp_path / "kept.txt").write_text(kept, encoding="utf-8")
            given += ["--checkpoint", str(tmp_path / "kept.txt")]
        ours = mft_verify.main([str(export), *given])
        theirs = subprocess.run([node, SECOND, export, *given], capture_output=True, text=True)
        assert theirs.stderr == ""
        assert theirs.returncode == ours, theirs.stdout
        return ours

    return ask


def log_of(logs: list[Path], keys: int = 1) -> Books:
    return opened(logs[keys - 1])


@pytest.mark.parametrize("keys", [(OLD,), (NEW,), (OLD, NEW), (STRANGER,), (OLD, STRANGER)])
@pytest.mark.parametrize("which", [1, 2])
def test_keys(logs: list[Path], agree: Agree, tmp_path: Path, which: int, keys: tuple[object, ...]) -> None:
    export = exported(log_of(logs, which), tmp_path / "out")
    code = agree(export, *(key.verify_key.vkey for key in keys))
    assert code == (STRANGER in keys or (which == 1 and NEW in keys))


@pytest.mark.parametrize(("name", "sql"), list(row_changes()))
def test_a_row_changed(logs: list[Path], agree: Agree, tmp_path: Path, name: str, sql: str) -> None:
    log = log_of(logs)
    kept = kept_notes(log, *SIZES)
    run(log, sql)
    assert agree(exported(log, tmp_path / "out"), kept=kept) == 1, name


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("number", [0, 5, 6, 11])
def test_a_leaf_changed(logs: list[Path], agree: Agree, tmp_path: Path, change: str, number: int) -> None:
    log = log_of(logs)
    kept = kept_notes(log, *SIZES)
    CHANGES[change](log, number)
    assert agree(exported(log, tmp_path / "left")) == 1
    rebuild(log)
    assert agree(exported(log, tmp_path / "rebuilt")) == 1
    resign(log, OLD)
    assert agree(exported(log, tmp_path / "signed")) == 0
    assert agree(tmp_path / "signed", kept=kept) == 1


def test_parts(logs: list[Path], agree: Agree, tmp_path: Path) -> None:
    log = log_of(logs, 2)
    kept = kept_notes(log, 5)
    selections = [
        of_log,
        partial(of_transfer, transfer="t1"),
        partial(of_range, begin=9, end=11),
        partial(of_range, begin=2, end=7),
    ]
    codes = []
    for number, select in enumerate(selections):
        export = exported(log, tmp_path / str(number), select)
        assert agree(export) == 0
        codes.append(agree(export, kept=kept))
    assert 2 in codes


@pytest.mark.parametrize("change", ["undone", "old", "none", "stranger", "empty"])
def test_chains(logs: list[Path], agree: Agree, tmp_path: Path, change: str) -> None:
    log = log_of(logs)
    key = {"none": "mft/test+00000000+AAAA", "stranger": STRANGER.verify_key.vkey}.get(change, NEW.verify_key.vkey)
    replaces = {"stranger": NEW.verify_key.vkey, "empty": None}.get(change, OLD.verify_key.vkey)
    name_key(log, key, replaces)
    by = {"undone": (OLD, NEW), "old": (OLD,)}.get(change, (NEW,))
    checkpoint(log, *by)
    assert agree(exported(log, tmp_path / "out")) == (change != "undone")


@pytest.mark.parametrize("name", ["leaves.ndjson", "checkpoints.txt", "keys.txt", "export.json"])
def test_a_damaged_file(logs: list[Path], agree: Agree, tmp_path: Path, name: str) -> None:
    export = exported(log_of(logs, 2), tmp_path / "out")
    good = (export / name).read_bytes()
    for at in range(3, len(good), len(good) // 12):
        (export / name).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        agree(export)
    for cut in (0, 1, len(good) // 2, len(good) - 1):
        (export / name).write_bytes(good[:cut])
        agree(export)


@pytest.mark.parametrize(
    "change",
    [
        ('"v":1', '"v":1.0'), ('"v":1', '"v":true'), ('"v":1', '"v":2'), ('"v":1', '"v":1,"w":1'), ('"v":1', '"v": 1'),
        ('"size_bytes":5', '"size_bytes":-0'), ('"size_bytes":5', '"size_bytes":9007199254740992'),
        ('"size_bytes":5', '"size_bytes":9007199254740991'), ('"size_bytes":5', '"size_bytes":5e0'),
        ('"size_bytes":5', '"size_bytes":{}'), ('"size_bytes":5', '"size_bytes":"\\u0001\\u007f"'),
        ('"size_bytes":5', '"size_bytes":"\\u001f"'), ('"size_bytes":5', '"size_bytes":"\\u001F"'),
        ('"size_bytes":5', '"size_bytes":"\\ud800"'), ('"size_bytes":5', '"size_bytes":"\\/"'),
        ('"size_bytes":5', '"size_bytes":"\u2028\U0001f4c4\x7f"'), ('"size_bytes":5', '"size_bytes":NaN'),
        ('"size_bytes":5', '"size_bytes":5,"size_bytes":5'), ('"size_bytes":5', '"größe":5'),
        ('"size_bytes":5', '"a":1,"B":2'), ('"size_bytes":5', '"B":2,"a":1'), ('"kind":', '"kind":null,"kin":'),
    ],
)  # fmt: skip
def test_what_a_leaf_is(logs: list[Path], agree: Agree, tmp_path: Path, change: tuple[str, str]) -> None:
    """A leaf written in another way, in a log that is made and signed over it: whether it is one, both must agree."""
    log = log_of(logs)
    body = bytes(run(log, "SELECT body FROM leaf WHERE seq = 5").fetchone()[0]).decode()
    assert change[0] in body
    run(log, "UPDATE leaf SET body = ? WHERE seq = 5", body.replace(*change).encode())
    rebuild(log)
    resign(log, OLD)
    export = exported(log, tmp_path / "out")
    code = agree(export)
    try:
        canonical = json.dumps(
            json.loads(body.replace(*change)), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        same = canonical == body.replace(*change)
    except ValueError:
        same = False
    assert code == 1 or same
    try:
        verify_log(log, [OLD.verify_key])
    except AuditMismatch:
        assert code == 1
    else:
        assert code == 0
