"""kill -9 of the server while partners upload: nothing promised is lost, nothing is published half or twice."""

import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mft.ledger.database import Ledger, reading, sqlite_driver
from mft.ledger.transfers import transfer_rows
from tests.crash import scenes
from tests.crash.scenes import ForkedSite, Sent
from tests.harness import Partner, Site

KILLS = 25  # In each of the two runs.


@pytest.mark.parametrize("seed", [1, 2])
def test_fifty_kills_lose_no_promise(site: Site, acme: Partner, seed: int) -> None:
    sys.stdout.write(f"seed {seed}\n")
    rng = scenes.seeded(seed)
    sent = Sent()
    swept = 0
    for number in range(1, 3 * KILLS + 1):
        if number > KILLS and swept:  # Where a kill hits is chance: go on until one has met a file on its way.
            break
        if number % 8 == 0:
            scenes.kill_in_start(site, rng)
        swept += scenes.start_and_sweep(site)
        scenes.kill_round(site, acme, sent, rng, name=f"{number:02}")
    swept += scenes.start_and_sweep(site)
    stages = scenes.check_all(site, sent)
    sys.stdout.write(
        f"{number} rounds, {len(sent.begun)} files begun, {len(sent.promised)} promised, {swept} orphans swept, {stages}\n"
    )
    assert sent.refused == []
    assert len(sent.promised) > KILLS
    assert stages["done"] > 0
    assert swept > 0, "no kill has met a file on its way into the vault: the scene is too tame"


def test_a_yes_before_the_commit_is_noticed(site: Site, acme: Partner) -> None:
    sent = Sent()
    site.start(fault="early-yes")
    scenes.kill_round(site, acme, sent, scenes.seeded(3), name="early")
    assert sent.promised
    with pytest.raises(AssertionError, match="promised files are lost"):
        scenes.check_promises(site.home, sent)


def _run(statement: str) -> Callable[[Path], None]:
    """Change the ledger's first transfer behind the server's back."""

    def sabotage(home: Path) -> None:
        with closing(sqlite_driver.connect(home / "data" / "ledger.db")) as ledger:
            assert ledger.execute(f"{statement} WHERE id = (SELECT min(id) FROM transfer)").rowcount == 1  # noqa: S608  Our own constants.
            ledger.commit()

    return sabotage


def _events(edit: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def sabotage(home: Path) -> None:
        path = home / "data" / "events" / "events.ndjson"
        path.write_bytes(b"".join(edit(path.read_bytes().splitlines(keepends=True))))

    return sabotage


def _vault(edit: Callable[[Path], object]) -> Callable[[Path], None]:
    def sabotage(home: Path) -> None:
        with reading(Ledger(f"sqlite:{home / 'data' / 'ledger.db'}")) as books:
            rows = transfer_rows(books, most=10_000)
            published = {row["object_id"] for row in rows if row["stage"] not in scenes.NEVER_PUBLISHED}
        edit(next(path for path in sorted((home / "data" / "vault").rglob("*")) if path.name in published))

    return sabotage


def _flip(path: Path) -> None:
    sealed = bytearray(path.read_bytes())
    sealed[-100] ^= 1
    path.write_bytes(sealed)


_COLUMNS = "tenant_id, root_id, direction, connection, partner, door, profile_hash, folder_bytes, name_bytes, size_bytes, sha256, object_id, updated_at"  # fmt: skip


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> tuple[Path, Sent]:
    """A home that was killed once and is right, and what was sent to it."""
    root = tmp_path_factory.mktemp("stopped")
    shutil.copytree(fresh_home, root, dirs_exist_ok=True)
    site, sent = ForkedSite(root), Sent()
    site.start()
    try:
        scenes.kill_round(site, Partner("acme", root / "acme"), sent, scenes.seeded(4), name="r", promises=20)
        scenes.check_all(site, sent)
    finally:
        site.kill()
    return root, sent


class TestTheReckoningNotices:
    """Each way in which the books can be wrong, planted into a home that is right."""

    @pytest.mark.parametrize(
        ("sabotage", "says"),
        [
            pytest.param(
                _run("DELETE FROM transfer"), "lost|not there", id="lost"
            ),
            pytest.param(
                _run(
                    f"INSERT INTO transfer (id, stage, {_COLUMNS}) "  # noqa: S608  Our own constants.
                    f"SELECT id || 'x', stage, {_COLUMNS} FROM transfer"
                ),
                "received twice",
                id="twice",
            ),
            pytest.param(_run("UPDATE transfer SET size_bytes = size_bytes + 1"), "not what was sent", id="size"),
            pytest.param(_run("UPDATE transfer SET sha256 = zeroblob(32)"), "not what was sent", id="hash"),
            pytest.param(_run("UPDATE transfer SET stage = 'received'"), "never came to rest", id="unfinished"),
            pytest.param(_run("UPDATE transfer SET runner = 'dead'"), "still claimed", id="claimed"),
            pytest.param(_vault(_flip), "cannot be read", id="altered"),
            pytest.param(_vault(lambda path: path.write_bytes(path.read_bytes()[:-1])), "cannot be read", id="cut"),
            pytest.param(_vault(Path.unlink), "cannot be read", id="gone"),
            pytest.param(_vault(lambda path: path.with_name("orphan").touch()), "nobody's", id="orphan"),
            pytest.param(
                _events(lambda lines: [line for line in lines if b"received.v1" not in line]), "0 received", id="untold"
            ),
            pytest.param(
                _events(lambda lines: [*lines, next(line for line in lines if b"received.v1" in line).replace(b'"id":"', b'"id":"x')]),
                "2 received",
                id="told twice under two ids",
            ),
            pytest.param(
                _events(lambda lines: [*lines, lines[0].replace(b'"subject":"', b'"subject":"x')]),
                "two ways",
                id="told differently",
            ),
        ],
    )  # fmt: skip
    def test_it(self, stopped: tuple[Path, Sent], tmp_path: Path, sabotage: Callable[[Path], None], says: str) -> None:
        root, sent = stopped
        home = tmp_path / "home"
        shutil.copytree(root / "home", home)
        sabotage(home)
        with pytest.raises(AssertionError, match=says):
            _reckon(home, sent)

    def test_the_same_event_told_again_is_right(self, stopped: tuple[Path, Sent], tmp_path: Path) -> None:
        root, sent = stopped
        shutil.copytree(root / "home", tmp_path / "home")
        _events(lambda lines: lines + lines)(tmp_path / "home")
        _reckon(tmp_path / "home", sent)


def _reckon(home: Path, sent: Sent) -> None:
    scenes.check_promises(home, sent)
    scenes.check_books(home)
