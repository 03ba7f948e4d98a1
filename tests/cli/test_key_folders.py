"""Commands on homes whose keys lie elsewhere, under other names, or belong to another time."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mft.clock import now_us
from mft.crypto.keys import BucketPrivateKey
from tests.cli.conftest import Mft
from tests.harness import peer


@pytest.fixture
def credentials(home: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a service whose keys are systemd's credentials."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    for path in (home / "keys").iterdir():
        path.rename(folder / f"keys_{path.name}")
    (home / "keys").rmdir()
    return {"MFT_KEYS__FOLDER": "credentials", "CREDENTIALS_DIRECTORY": str(folder)}


def test_keys_that_are_credentials_are_found_by_every_command(mft: Mft, credentials: dict[str, str]) -> None:
    for arguments in (["audit", "verify"], ["audit", "export", "taken"], ["backup", "backup", "--keys", "safe"]):
        done = mft(*arguments, env=credentials)
        assert (done.code, done.err) == (0, ""), arguments
    checks = {row["name"]: row for row in map(json.loads, mft("doctor", "--json", env=credentials).out.splitlines())}
    assert checks["audit"]["state"] == "ok", checks["audit"]
    assert checks["keys"]["state"] == "ok", checks["keys"]


def test_a_backup_names_the_key_that_signs_and_not_the_one_in_a_file(mft: Mft, home: Path, tmp_path: Path) -> None:
    """A service whose folder is read-only signs by `audit-next.key` until somebody renames it."""
    before = tmp_path / "before"
    shutil.copytree(home / "keys", before)
    assert mft("keys", "rotate", "signing").code == 0
    keys = home / "keys"
    (keys / "audit.key").rename(keys / "audit-next.key")
    (keys / "audit.pub").unlink()
    for name in ("audit.key", "audit.pub"):
        shutil.copy(before / name, keys / name)
    assert mft("backup", "backup", "--keys", "safe").code == 0
    done = mft("restore", "backup", "--keys", "safe", "--home", "again")
    assert (done.code, done.err) == (0, "")
    assert mft("audit", "verify", "--home", "again").code == 0


def test_a_checkpoint_of_the_key_before_is_known_at_a_restore(mft: Mft, home: Path) -> None:
    (home.parent / "kept.txt").write_text(mft("audit", "checkpoint").out)
    assert mft("keys", "rotate", "signing").code == 0
    assert mft("backup", "backup", "--keys", "safe").code == 0
    done = mft("restore", "backup", "--keys", "safe", "--home", "again", "--checkpoint", "kept.txt")
    assert (done.code, done.err) == (0, "")


def test_a_restore_says_that_the_keys_belong_elsewhere(mft: Mft, home: Path) -> None:
    assert mft("backup", "backup", "--keys", "safe").code == 0
    away = {"MFT_KEYS__FOLDER": "/etc/mft/keys"}
    done = mft("restore", "backup", "--keys", "safe", "--home", "again", env=away)
    assert done.code == 0
    assert f"[keys] folder is /etc/mft/keys: move {home.parent}/again/keys there" in done.out


def test_live_keys_are_no_place_for_their_copy(mft: Mft, home: Path, tmp_path: Path) -> None:
    (home / "keys").rename(tmp_path / "etc")
    away = {"MFT_KEYS__FOLDER": str(tmp_path / "etc")}
    for target, keys in (("backup", "etc"), ("backup", "etc/copy"), ("etc/backup", "safe")):
        done = mft("backup", target, "--keys", keys, env=away)
        assert done.code == 3, (target, keys)
        assert "the keys in use" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be in the place of a service's user")
def test_root_does_not_write_a_home_of_somebody_else_by_itself(mft: Mft, home: Path) -> None:
    """What it makes there, the ledger's files and the lock, the service could not open."""
    subprocess.run(["chown", "-R", "4711:4711", home], check=True)
    subprocess.run([peer("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", home.parent / "beta"], check=True)
    assert mft("audit", "prove", "0").code == 0  # To read is no harm.
    for arguments in (
        ["keys", "rotate", "signing"],
        ["retention", "run"],
        ["backup", "backup"],
        ["partner", "add", "beta", "--ssh-key", "beta.pub"],
    ):
        done = mft(*arguments)
        assert done.code == 3, arguments
        assert f"{home} belongs to another user, 4711" in done.err
        assert "runuser -u 4711 -- mft" in done.err
    assert {path.stat().st_uid for path in home.rglob("*")} == {4711}
    assert not (home.parent / "backup").exists()
    assert not (home / "config" / "partners" / "beta.toml").exists()


def test_a_rotation_behind_a_clock_that_was_ahead_is_one(mft: Mft, home: Path) -> None:
    """Of a class the newest key seals: a new one is newer than the last, whatever time it is."""
    ahead = BucketPrivateKey(bytes(range(32)), made_at=now_us() + 86_400_000_000)
    ahead.save(home / "keys")
    assert json.loads(mft("keys", "rotate", "bucket", "--json").out)["key"] == ahead.id
    said = json.loads(mft("keys", "rotate", "bucket", "--json").out)
    assert said["made"]
    assert said["key"] != ahead.id
