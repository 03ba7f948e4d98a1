"""docs/operations.md speaks of every file that a home has, after everything was used that makes one."""

import re
from fnmatch import fnmatchcase

from mft.home import Home
from mft.installation import open_vault
from tests.harness import ROOT, Partner, Site

PAGE = ROOT / "docs" / "operations.md"


def named_files() -> list[str]:
    """The patterns in the first column of the page's tables."""
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def unnamed(site: Site, patterns: list[str]) -> list[str]:
    """Files of a home that no pattern fits."""
    found = [str(path.relative_to(site.home)) for path in site.home.rglob("*") if not path.is_dir()]
    assert len(found) > 10
    return [path for path in found if not any(fnmatchcase(path, pattern) for pattern in patterns)]


def test_every_file_of_a_used_home_is_on_the_page(site: Site, acme: Partner) -> None:
    orphan = open_vault(Home(site.home)).seal(1, bytes(100_000))[0].id
    site.start()
    big = site.root / "big.bin"
    big.write_bytes(bytes(300_000))
    done = site.sftp(acme, f"put {big}", f"put {ROOT / 'mft/samples/claims-837p.edi'}")
    assert done.returncode == 0, done.stderr
    site.rested("big.bin")
    patterns = named_files()
    assert unnamed(site, patterns) == []
    assert f"data/orphans/{orphan}" in unnamed(site, [one for one in patterns if not one.startswith("data/orphans")])
    assert site.stop() == 0
    assert unnamed(site, patterns) == []


def test_every_file_on_the_page_has_all_five_answers() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 5, row
        assert all(cells), row
