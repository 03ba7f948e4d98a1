"""Killed while it delivers: the file lies in its folder once, whole, and no trace of a try beside it."""

from pathlib import Path

import pytest

from tests.crash.scenes import ForkedSite
from tests.harness import Partner, eventually


def settled(site: ForkedSite, folder: Path) -> dict[str, bytes]:
    """What lies in the folder once the ledger says that it was delivered."""

    def told() -> bool:
        return any(event["type"] == "mft.delivery.succeeded.v1" for event in site.events())

    eventually(told, what="the file is delivered")
    assert site.stop() == 0
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("fault", ["dies-linking", "dies-linked", "dies-delivered"])
@pytest.mark.parametrize("size", [100, 3_000_000])
def test_it_lies_there_once(site: ForkedSite, acme: Partner, tmp_path: Path, fault: str, size: int) -> None:
    folder = made(site, tmp_path)
    content = b"%PDF-1.7 " + bytes(size)
    die_delivering(site, acme, fault, content)
    site.start()
    assert settled(site, folder) == {"note.pdf": content}
    assert site.verify().returncode == 0


def test_who_does_not_look_is_found_out(site: ForkedSite, acme: Partner, tmp_path: Path) -> None:
    folder = made(site, tmp_path)
    die_delivering(site, acme, "dies-delivered", b"%PDF-1.7 ")
    site.start(fault="delivered-unlooked")
    assert sorted(settled(site, folder)) == ["note-2.pdf", "note.pdf"]


def made(site: ForkedSite, tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    routes = f'[[routes]]\nname = "out"\nto = "{folder}"\n'
    (site.home / "config" / "routes.toml").write_text(routes)
    return folder


def die_delivering(site: ForkedSite, acme: Partner, fault: str, content: bytes) -> None:
    site.start(fault=fault)
    with site.paramiko(acme) as client, client.open("note.pdf", "wb") as file:
        file.write(content)
    site.process.wait(60)
    site.kill()
