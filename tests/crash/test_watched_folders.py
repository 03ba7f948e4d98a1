"""kill -9 at every step of a watched folder: nothing in it is lost, nothing of it is received twice."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.crash import scenes, watching
from tests.crash.scenes import ForkedSite, Sent
from tests.crash.watching import all_received, lone_watch, put, watch
from tests.harness import Site

LARGE = os.urandom(1_500_000)  # Begun in the ledger before it is received.


def put_two(folder: Path, sent: Sent, number: int, *, done: bool) -> None:
    """A small file and, in a folder of its own, a large one."""
    put(folder, sent, f"{number:03}.edi", b"%d" % number, done=done)
    put(folder, sent, f"below/{number:03}.bin", LARGE + b"%d" % number, done=done)


@pytest.mark.parametrize(
    ("take", "then", "stride"), [("done-file", "archive", 1), ("rename", "delete", 3), ("rename", "mark", 3)]
)
def test_a_kill_at_every_step(site: ForkedSite, take: str, then: str, stride: int) -> None:
    folder, sent, lived = watch(site, take=take, then=then, recursive=True), Sent(), False
    site.start()
    assert site.stop() == 0  # Its partner files are in the ledger.
    number = 0
    while not lived:
        number += stride
        put_two(folder, sent, number, done=take == "done-file")
        lived = lone_watch(site, dies_at=number)
        assert lone_watch(site)
        all_received(folder, sent, then=then, seconds=0)
    sys.stdout.write(f"{number} steps\n")
    assert number > 20
    stages = scenes.check_all(site, sent)
    assert stages["superseded"] > 0, "no kill has met a file that was begun"
    contents = {"archive": site.root / "drop-kept", "mark": folder, "delete": site.root / "drop-kept"}[then]
    kept = [path.read_bytes() for path in contents.rglob("*") if path.is_file() and path.suffix != ".done"]
    assert sorted(map(len, kept)) == sorted(one.size_bytes for one in sent.begun.values() if then != "delete")


@pytest.mark.parametrize("number", [8, 16, 24])
def test_a_kill_of_the_whole_server(site: ForkedSite, number: int) -> None:
    folder, sent = watch(site, take="rename", recursive=True), Sent()
    put_two(folder, sent, number, done=False)
    with suppress(AssertionError):  # It may die before it says that it is ready.
        site.start(fault="folder-dies", env={"DIES_AT": str(number)})
        watching.eventually(lambda: site.process.returncode is not None, what="it dies")
    site.kill()
    site.start()
    all_received(folder, sent)
    scenes.check_all(site, sent)


def test_names_that_change_under_our_hands(tmp_path: Path) -> None:
    swaps = watching.Swaps(tmp_path, scenes.seeded(5))
    swaps.run(5000)
    sys.stdout.write(f"{swaps.struck} struck, {swaps.claimed} claimed\n")
    assert swaps.struck > 2500
    assert swaps.claimed > 1000


def test_many_files_that_wait_need_no_more_memory(site: ForkedSite) -> None:
    grown = watching.many(Site(site.root), 3000)  # Not forked: memory of its own.
    sys.stdout.write(f"{grown} MiB more\n")
    assert grown < 12
