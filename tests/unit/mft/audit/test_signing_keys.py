"""A signing key takes another's place: in one commit, with both signatures, and files that follow whatever is cut short."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mft.audit import checkpoint, log, signing_keys
from mft.audit.query import leaves
from mft.audit.signing_keys import SigningKeys
from mft.crypto.keyring import NEXT_SIGNING_KEY, SIGNING_KEY, VERIFY_KEY
from mft.crypto.signing import SigningKey, VerifyKey
from mft.errors import AuditMismatch, BadConfig, Missing
from mft.ledger.database import Books, Ledger
from mft.ledger.tables import CHECKPOINT
from tests.unit.mft.ledger.entries import new_ledger

OLD = SigningKey("mft/test", bytes(range(32)))
NEW = SigningKey("mft/test", bytes(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    OLD.save(folder / SIGNING_KEY)
    OLD.verify_key.save(folder / VERIFY_KEY)
    return folder


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Ledger(new_ledger(f"sqlite:{tmp_path / 'ledger.db'}").url).open_writer()
    yield books
    books.close()


def signed(books: Books, keys: SigningKeys, at: int) -> None:
    log.append(books, "server.started", at=at, actor="server")
    log.make_checkpoint(books, keys.in_force(books), at=at)


def signers(books: Books) -> list[str]:
    """Which of old and new have signed each checkpoint, in the order of their lines."""
    ids = {OLD.verify_key.vkey: "old", NEW.verify_key.vkey: "new"}
    found = []
    for row in books.rows(select(CHECKPOINT).order_by(CHECKPOINT.c.size)):
        who = []
        for vkey, name in ids.items():
            try:
                checkpoint.verify(row["note"], VerifyKey.parse(vkey))
            except AuditMismatch:
                continue
            who.append(name)
        found.append(" ".join(who))
    return found


def test_one_checkpoint_bears_both_signatures_and_then_only_the_new_key_signs(folder: Path, books: Books) -> None:
    keys = SigningKeys(folder)
    keys.enter(books, actor="cli:0", at=1)
    signed(books, keys, 2)
    log.append(books, "server.stopped", at=3, actor="server")  # Waits for its number.
    NEW.save(folder / NEXT_SIGNING_KEY)
    keys.reload()
    said = keys.change(books, actor="cli:0", at=4)
    assert said == {"old": OLD.verify_key.vkey, "new": NEW.verify_key.vkey}
    signed(books, keys, 5)
    assert signers(books) == ["old", "old new", "new"]
    (note,) = [row["note"] for row in books.rows(select(CHECKPOINT)) if row["at"] == 4]
    lines = note.splitlines()[4:]
    assert [line.split()[1] for line in lines] == ["mft/test"] * 2
    assert note.index(checkpoint.sign(checkpoint.verify(note, OLD.verify_key), OLD).splitlines()[-1]) < note.index(
        checkpoint.sign(checkpoint.verify(note, NEW.verify_key), NEW).splitlines()[-1]
    )
    assert [(leaf["seq"], leaf["facts"]) for leaf in leaves(books, kind="key.in-force", newest_first=False)] == [
        (0, {"use": "signing", "key": OLD.verify_key.vkey, "replaces": None, "retention": None}),
        (3, {"use": "signing", "key": NEW.verify_key.vkey, "replaces": OLD.verify_key.vkey, "retention": None}),
    ]
    assert books.rows(select(CHECKPOINT).where(CHECKPOINT.c.at == 4))[0]["size"] == 4  # All that waited is under it.


def test_a_log_that_names_no_key_yet_names_the_old_one_first(folder: Path, books: Books) -> None:
    keys = SigningKeys(folder)
    signed(books, keys, 1)
    NEW.save(folder / NEXT_SIGNING_KEY)
    keys.reload()
    keys.change(books, actor="cli:0", at=2)
    replaced = [leaf["facts"]["replaces"] for leaf in leaves(books, kind="key.in-force", newest_first=False)]
    assert replaced == [None, OLD.verify_key.vkey]
    assert signers(books) == ["old", "old new"]


@pytest.mark.parametrize("cut", ["nowhere", "before all", "earlier key", "public half"])
def test_files_follow_also_when_that_was_cut_short(
    folder: Path, books: Books, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    NEW.save(folder / NEXT_SIGNING_KEY)
    keys = SigningKeys(folder)
    keys.change(books, actor="cli:0", at=1)
    calls = 0
    write_file = signing_keys.write_file

    def write(path: Path, content: bytes, *, mode: int) -> None:
        nonlocal calls
        if calls == ["before all", "earlier key", "public half", "nowhere"].index(cut):
            raise InterruptedError
        calls += 1
        write_file(path, content, mode=mode)

    monkeypatch.setattr(signing_keys, "write_file", write)
    if cut in {"before all", "earlier key"}:
        with pytest.raises(InterruptedError):
            keys.settle(books)
    elif cut == "public half":
        monkeypatch.setattr(signing_keys, "disk_errors", lambda: (_ for _ in ()).throw(InterruptedError))
        with pytest.raises(InterruptedError):
            keys.settle(books)
    monkeypatch.undo()
    again = SigningKeys(folder)
    assert again.in_force(books).verify_key == NEW.verify_key
    again.settle(books)
    again.settle(books)
    assert {path.name for path in folder.iterdir()} == {
        SIGNING_KEY, VERIFY_KEY, f"audit-{OLD.verify_key.key_id.hex()}.pub",
    }  # fmt: skip
    assert SigningKey.load(folder / SIGNING_KEY).verify_key == NEW.verify_key
    assert VerifyKey.load(folder / VERIFY_KEY) == NEW.verify_key
    assert VerifyKey.load(folder / f"audit-{OLD.verify_key.key_id.hex()}.pub") == OLD.verify_key
    assert SigningKeys(folder).in_force(books).verify_key == NEW.verify_key


def test_a_next_key_that_the_log_knows_nothing_of_signs_nothing(folder: Path, books: Books) -> None:
    NEW.save(folder / NEXT_SIGNING_KEY)
    keys = SigningKeys(folder)
    keys.enter(books, actor="server", at=1)
    keys.settle(books)
    signed(books, keys, 2)
    assert signers(books) == ["old"]
    assert (folder / NEXT_SIGNING_KEY).exists()  # The next rotation takes it up.


def test_without_a_next_key_nothing_changes(folder: Path, books: Books) -> None:
    with pytest.raises(Missing, match=r"audit-next\.key is not in"):
        SigningKeys(folder).change(books, actor="cli:0", at=1)


def test_a_key_that_is_not_the_logs_signs_nothing(folder: Path, books: Books) -> None:
    keys = SigningKeys(folder)
    keys.enter(books, actor="server", at=1)
    (folder / SIGNING_KEY).unlink()
    NEW.save(folder / SIGNING_KEY)
    with pytest.raises(BadConfig, match=r"is not the key that the audit log is signed with.*restore it"):
        SigningKeys(folder).in_force(books)


def test_a_service_that_cannot_write_the_folder_signs_by_the_new_key_all_the_same(
    folder: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    NEW.save(folder / NEXT_SIGNING_KEY)
    keys = SigningKeys(folder)
    keys.change(books, actor="cli:0", at=1)
    with monkeypatch.context() as patch:
        patch.setattr(signing_keys.os, "access", lambda path, mode: False)
        keys.settle(books)
    assert SigningKey.load(folder / SIGNING_KEY).verify_key == OLD.verify_key
    assert keys.in_force(books).verify_key == NEW.verify_key
    SigningKeys(folder).settle(books)  # The command that asked for it.
    assert SigningKey.load(folder / SIGNING_KEY).verify_key == NEW.verify_key
    assert keys.in_force(books).verify_key == NEW.verify_key


def test_credentials_are_never_renamed(folder: Path, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in list(folder.iterdir()):
        path.rename(folder / f"keys_{path.name}")
    NEW.save(folder / f"keys_{NEXT_SIGNING_KEY}")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    before = {path.name for path in folder.iterdir()}
    keys = SigningKeys(folder)
    keys.change(books, actor="cli:0", at=1)
    keys.settle(books)
    assert {path.name for path in folder.iterdir()} == before
    assert keys.in_force(books).verify_key == NEW.verify_key
