"""Commands run in this process, on copies of homes that were prepared once."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mft.cli.main import main
from tests.harness import Partner, Site, sample

SAMPLES = (
    "claims-837p.edi", "orders-850.edi", "admissions-adt.hl7", "claims-wrong-count.edi", "remittance-note.pdf",
    "claims-cut-off.edi",
)  # fmt: skip


@dataclass
class Done:
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str


Mft = Callable[..., Done]


@pytest.fixture
def mft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Mft:
    """Run a command as the shell would, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MFT_HOME", raising=False)
    monkeypatch.delenv("MFT_DEBUG", raising=False)

    def run(*arguments: str | Path, env: dict[str, str] | None = None) -> Done:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["mft", *map(str, arguments)])
            capsysbinary.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        said = capsysbinary.readouterr()
        out, err = said.out.decode(), said.err.decode()
        code = ended.value.code
        assert isinstance(code, int)
        assert "Traceback" not in out + err
        return Done(code, out, err)

    return run


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> Path:
    """A home whose server has received every sample from acme, and was stopped."""
    root = tmp_path_factory.mktemp("served")
    shutil.copytree(fresh_home, root, dirs_exist_ok=True)
    site = Site(root)
    site.start()
    try:
        with site.paramiko(Partner("acme", root / "acme")) as client:
            for name in SAMPLES:
                with client.open(name, "wb") as file:
                    file.write(sample(name))
        for name in SAMPLES:
            site.rested(name)
        assert site.stop() == 0
    finally:
        site.kill()
    return root / "home"


@pytest.fixture
def home(tmp_path: Path, served: Path) -> Path:
    """A copy of the served home; commands find it by themselves."""
    shutil.copytree(served, tmp_path / "mft-home")
    return tmp_path / "mft-home"


@pytest.fixture
def new_home(tmp_path: Path, fresh_home: Path) -> Path:
    """A copy of a home as `mft init` makes it, with a partner acme."""
    shutil.copytree(fresh_home / "home", tmp_path / "mft-home")
    return tmp_path / "mft-home"
