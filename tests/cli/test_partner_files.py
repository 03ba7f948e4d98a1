"""Partner files are written all, or none: one that cannot be written takes the others back."""

from pathlib import Path

import pytest

from mft.cli import partner_files
from mft.cli.access import open_home
from mft.cli.partner_files import PartnerFiles
from mft.clock import new_id
from mft.durable import write_file
from mft.errors import NoSpace
from mft.installation import load_partners
from partners.connection import Connection


def test_a_full_disk_at_the_last_leaves_nothing(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, config = open_home(new_home)
    folder = new_home / "config" / "partners"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    files = PartnerFiles(home, config, load_partners(home))
    acme = files.directory.named("acme")
    assert acme is not None
    files.change(acme, before[folder / "acme.toml"].decode() + "# More.\n")
    for name in ("north", "south"):
        login = acme.connection.logins[0].model_copy(update={"user": name})
        files.add(Connection(id=new_id(), name=name, logins=[login]))

    def full(path: Path, content: bytes, *, mode: int = 0o600) -> None:
        if path.name == "south.toml":
            raise NoSpace("the disk is full")
        write_file(path, content, mode=mode)

    monkeypatch.setattr(partner_files, "write_file", full)
    with pytest.raises(NoSpace):
        files.write()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
