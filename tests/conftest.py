"""Fixtures of every test that runs a server."""

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mft.clock import new_id
from partners.connection import Connection, Key, Login
from partners.load import render
from tests.harness import Partner, Site, peer, run_mft

GUESTS = 60
_guest_numbers = itertools.count()


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `mft init` makes it, with a partner acme; copied for each test, because keys take a second to make."""
    root = tmp_path_factory.mktemp("fresh")
    done = run_mft("init", root / "home")
    assert done.returncode == 0, done.stderr
    key = root / "acme"
    subprocess.run([peer("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "acme", "-f", key], check=True)
    done = run_mft("partner", "add", "acme", "--ssh-key", f"{key}.pub", home=root / "home")
    assert done.returncode == 0, done.stderr
    line = Path(f"{key}.pub").read_text().strip()
    for number in range(GUESTS):
        name = f"guest-{number:02}"
        guest = Connection(id=new_id(), name=name, logins=[Login(user=name, keys=[Key(key=line)])])
        (root / "home" / "config" / "partners" / f"{name}.toml").write_text(render(guest))
    return root


def _site(root: Path, fresh_home: Path) -> Iterator[Site]:
    """A home of one's own, that lets acme in. A server that a test left running is ended, by its id."""
    shutil.copytree(fresh_home, root, dirs_exist_ok=True)
    site = Site(root)
    yield site
    site.kill()


@pytest.fixture
def site(tmp_path: Path, fresh_home: Path) -> Iterator[Site]:
    """A home of one's own, without a server."""
    yield from _site(tmp_path, fresh_home)


@pytest.fixture
def acme(fresh_home: Path) -> Partner:
    """A partner whom every site lets in."""
    return Partner("acme", fresh_home / "acme")


@pytest.fixture
def guest(fresh_home: Path) -> Partner:
    """A partner of one's own at a shared server: its folders hold nothing of other tests."""
    return Partner(f"guest-{next(_guest_numbers):02}", fresh_home / "acme")


@pytest.fixture
def serving(site: Site) -> Site:
    """A server of one's own."""
    site.start()
    return site


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> Iterator[Site]:
    """A server that the tests of a module share: each uses names of its own."""
    for site in _site(tmp_path_factory.mktemp("shared"), fresh_home):
        site.start()
        yield site
