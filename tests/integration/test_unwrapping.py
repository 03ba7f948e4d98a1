"""A partner's own client uploads what is wrapped: what is in it is read, answered and audited like any other file."""

import gzip
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mft.home import Home
from mft.installation import open_vault
from tests.archives import Gpg, gpg_home, zipped
from tests.clamd import EVIL, clamd
from tests.harness import Partner, Site, eventually, run_mft, sample
from tests.unit.mft.pipeline.test_unwrap import noise

CLAIMS = sample("claims-837p.edi")
ORDERS = sample("orders-850.edi")


def settle(site: Site, count: int) -> dict[str, dict[str, Any]]:
    """So many transfers came in, and none is worked on; by name."""

    def ask() -> dict[str, dict[str, Any]] | None:
        rows = [row for row in site.transfers() if row["direction"] == "inbound"]
        rested = all(row["stage"] in {"done", "held", "rejected"} for row in rows)
        return {row["name"]: row for row in rows} if rested and len(rows) >= count else None

    found: dict[str, dict[str, Any]] = eventually(ask, what=f"{count} transfers come to rest")
    assert len(found) == count
    return found


def put(site: Site, partner: Partner, folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    done = site.sftp(partner, f"put {folder / name}")
    assert done.returncode == 0, done.stderr


def agree(site: Site, text: str) -> None:
    path = site.home / "config" / "partners" / "acme.toml"
    path.write_text(f"{path.read_text()}\n{text}\n")


@pytest.fixture
def gpg() -> Iterator[Gpg]:
    with gpg_home(Path(tempfile.mkdtemp(dir="/dev/shm"))) as gpg:
        yield gpg


def test_what_is_wrapped_comes_out_and_is_answered(site: Site, acme: Partner, tmp_path: Path, gpg: Gpg) -> None:
    ours, theirs = gpg.make_key("ours"), gpg.make_key("theirs")
    gpg.add_subkey(ours)
    for folder, name, content in (
        (site.home / "keys" / "pgp", "ours.asc", gpg.secret(ours)),
        (site.home / "config" / "pgp", "acme.asc", gpg.public(theirs)),
    ):
        folder.mkdir()
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o400)
    agree(site, f'[[feeds]]\nname = "messages"\npattern = "*.pgp"\nunwrap = true\npgp = {{ signed_by = ["{theirs}"] }}')
    agree(site, '[[feeds]]\nname = "files"\nunwrap = true')
    checked = run_mft("doctor", home=site.home, env={"MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0"})
    assert "1 secret keys, 1 public ones; gpg works in /dev/shm" in checked.stdout

    site.start()
    message = gpg.run("--sign", "--local-user", theirs, "--encrypt", "--recipient", ours, content=gzip.compress(CLAIMS))
    put(site, acme, tmp_path, "claims.edi.gz.pgp", message)
    put(
        site, acme, tmp_path, "day.zip", zipped({"in/orders.edi": ORDERS, "in/note.pdf": sample("remittance-note.pdf")})
    )
    found = settle(site, 6)
    assert {name: row["stage"] for name, row in found.items()} == dict.fromkeys(found, "done")
    assert found.keys() == {"claims.edi.gz.pgp", "claims.edi.gz", "claims.edi", "day.zip", "orders.edi", "note.pdf"}
    assert found["claims.edi"]["parent"] == found["claims.edi.gz"]["id"]
    assert found["orders.edi"]["sets_accepted"] == 2

    listed = site.sftp(acme, "cd /outbound", "ls -1").stdout.split()
    assert {"claims.edi.999", "orders.edi.997"} <= set(listed)
    listed = site.sftp(acme, "ls -1").stdout.split()
    assert {"claims.edi.gz.pgp", "day.zip"} <= set(listed)
    assert not {"claims.edi", "orders.edi"} & set(listed)  # Its sender sees what it sent.

    shown = run_mft("transfer", "show", found["day.zip"]["id"], home=site.home).stdout
    assert f"part      orders.edi, done: transfer {found['orders.edi']['id']}" in shown
    shown = run_mft("transfer", "show", found["orders.edi"]["id"], home=site.home).stdout
    assert f"part of   transfer {found['day.zip']['id']}" in shown
    assert "path: in/orders.edi" in shown
    as_json = run_mft("transfer", "show", found["claims.edi.gz.pgp"]["id"], "--json", home=site.home).stdout
    assert [part["name"] for part in json.loads(as_json)["parts"]] == ["claims.edi.gz"]
    assert f"signed_by={theirs}" in run_mft("transfer", "show", found["claims.edi.gz.pgp"]["id"], home=site.home).stdout

    assert site.verify().returncode == 0
    assert site.stop() == 0
    for path in (site.home / "data").rglob("*"):
        assert not path.is_file() or b"CLM*" not in path.read_bytes(), path


def test_killed_before_the_commit_nothing_has_come_out_and_the_next_start_does_it_once(
    site: Site, acme: Partner, tmp_path: Path
) -> None:
    agree(site, '[[feeds]]\nname = "files"\nunwrap = {}')
    contents = {"a.bin": noise(1, 300_000), "b.bin": noise(2, 2_000_000), "orders.edi": ORDERS}
    site.start(fault="dies-unwrapping")
    (tmp_path / "day.zip").write_bytes(zipped(contents))
    site.sftp(acme, f"put {tmp_path / 'day.zip'}")  # Its goodbye may come too late.
    eventually(lambda: site.process.poll() is not None, what="the server is killed")
    site.kill()
    vault = open_vault(Home(site.home))
    assert len(list(vault.files())) == 3  # The archive, and two members that nobody knows of.
    (row,) = site.transfers()
    assert (row["name"], row["stage"]) == ("day.zip", "received")

    site.start()
    found = settle(site, 4)
    assert {name: row["stage"] for name, row in found.items()} == dict.fromkeys(found, "done")
    assert {name: site.opened(found[name]) for name in contents} == contents
    assert len(list(vault.files())) == 3
    assert len(list((site.home / "data" / "orphans").iterdir())) == 2
    assert site.verify().returncode == 0


def test_what_the_scanner_finds_goes_no_further(site: Site, acme: Partner, tmp_path: Path) -> None:
    agree(site, '[[feeds]]\nname = "files"\nscan = true\nunwrap = true')
    with clamd() as address:
        env = {"MFT_SCAN__CLAMD": address, "MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0"}
        assert f"{address} answers" in run_mft("doctor", home=site.home, env=env).stdout
        site.start(env=env)
        put(site, acme, tmp_path, "good.edi.gz", gzip.compress(ORDERS))
        put(site, acme, tmp_path, "evil.edi", ORDERS + EVIL)
        assert site.rested("good.edi")["stage"] == "done"
        evil = site.rested("evil.edi")
        assert (evil["stage"], evil["doubt"]) == ("quarantined", "malware")
    put(site, acme, tmp_path, "later.edi", ORDERS)
    assert site.rested("later.edi")["doubt"] == "scanner"
    checked = run_mft("doctor", home=site.home, env=env)
    assert f"{address} does not answer" in checked.stdout
    assert checked.returncode == 1
