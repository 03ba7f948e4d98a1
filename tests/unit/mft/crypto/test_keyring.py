"""Which key seals, which opens, and what a folder of keys must look like."""

from pathlib import Path

import pytest

from mft.crypto.keyring import FolderKeyring, MemoryKeyring, PublicKeyring
from mft.crypto.keys import BucketPrivateKey, new_dek
from mft.domain import STANDARD
from mft.errors import BadConfig, UnsealFailed

OLD = BucketPrivateKey(bytes(32), made_at=1)
NEW = BucketPrivateKey(bytes(range(32)), made_at=2)
CLAIMS = BucketPrivateKey(bytes(range(1, 33)), retention="claims", made_at=3)
DEK = new_dek()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for key in (NEW, OLD, CLAIMS):
        key.save(tmp_path)
    return tmp_path


def test_of_each_class_the_newest_seals_and_all_open(folder: Path) -> None:
    keyring = FolderKeyring(folder)
    assert keyring.seal_for(STANDARD) == NEW.public
    assert keyring.seal_for("claims") == CLAIMS.public
    assert keyring.held.newest == {STANDARD: NEW.public, "claims": CLAIMS.public}
    for key in (OLD, NEW, CLAIMS):
        assert keyring.unwrap(key.id, key.public.wrap(DEK, b"about"), b"about") == DEK


def test_a_class_without_a_key_is_told_with_the_remedy(folder: Path) -> None:
    for keyring in (FolderKeyring(folder), MemoryKeyring([OLD]), PublicKeyring([(STANDARD, OLD.public)])):
        with pytest.raises(BadConfig, match="mft keys rotate bucket --class payroll"):
            keyring.seal_for("payroll")


def test_a_key_that_is_not_here_opens_nothing(folder: Path) -> None:
    wrapped = OLD.public.wrap(DEK, b"about")
    for keyring in (MemoryKeyring([NEW]), PublicKeyring([(STANDARD, OLD.public)])):
        with pytest.raises(UnsealFailed, match=OLD.id):
            keyring.unwrap(OLD.id, wrapped, b"about")


def test_a_folder_is_read_again(folder: Path) -> None:
    keyring = FolderKeyring(folder)
    newer = BucketPrivateKey(bytes(range(2, 34)), made_at=9)
    newer.save(folder)
    assert keyring.seal_for(STANDARD) == NEW.public
    keyring.reload()
    assert keyring.seal_for(STANDARD) == newer.public


def test_what_was_held_stays_when_a_file_is_damaged(folder: Path) -> None:
    keyring = FolderKeyring(folder)
    (folder / f"bucket-{OLD.id}.key").chmod(0o644)
    with pytest.raises(BadConfig, match="chmod 0400"):
        keyring.reload()
    assert keyring.unwrap(OLD.id, OLD.public.wrap(DEK, b""), b"") == DEK


def test_no_key_at_all_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="restore"):
        FolderKeyring(tmp_path)


def test_credentials_of_a_folder_bear_its_name_before_theirs(folder: Path) -> None:
    path = folder / f"bucket-{OLD.id}.key"
    path.rename(folder / f"mft_bucket-{OLD.id}.key")
    assert FolderKeyring(folder).held.keys == (OLD, NEW, CLAIMS) or len(FolderKeyring(folder).held.keys) == 3
