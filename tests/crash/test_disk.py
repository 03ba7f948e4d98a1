"""Disks that fill up, run out of inodes or turn read-only under the server, and a clock that nobody can trust."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.crash import scenes
from tests.crash.scenes import Disk, NoDisk, Senders, Sent
from tests.harness import Partner, Site

ANY_ROOM = {"MFT_RECEIVE__FREE_MIB_MIN": "0"}


@contextmanager
def data_on(site: Site, *, size_mib: int, options: tuple[str, ...] = ()) -> Iterator[Disk]:
    try:
        with scenes.data_on_disk(site, size_mib=size_mib, options=options) as disk:
            yield disk
    except NoDisk as error:
        pytest.skip(str(error))


def upload(site: Site, acme: Partner, sent: Sent, *, files: int, name: str) -> None:
    asyncio.run(Senders(site, acme, sent, scenes.seeded(31), round_name=name, files_max=files).all_sent())


def fill(site: Site, acme: Partner, sent: Sent) -> None:
    """Upload until the disk has no room for more; what was refused was refused in words."""
    for number in range(50):
        upload(site, acme, sent, files=20, name=f"{number:02}")
        if sent.refused:
            break
    assert sent.refused, "the disk never filled up"
    assert all("full" in reason or "no room" in reason for reason in sent.refused), sent.refused
    sent.refused.clear()


def spare_bytes(disk: Disk) -> Callable[[], None]:
    ballast = disk.folder / "ballast"
    ballast.write_bytes(bytes(24 << 20))
    return ballast.unlink


def spare_inodes(disk: Disk) -> Callable[[], None]:
    ballast = disk.folder / "ballast"
    ballast.mkdir()
    for number in count():
        (ballast / str(number)).touch()
        if os.statvfs(disk.folder).f_favail <= 30:
            break

    def free() -> None:
        for path in ballast.iterdir():
            path.unlink()

    return free


@pytest.mark.parametrize(
    ("size_mib", "options", "ballast"),
    [(64, (), spare_bytes), (256, ("-N", "600"), spare_inodes)],
    ids=["bytes", "inodes"],
)
def test_a_full_disk_refuses_and_goes_on_when_there_is_room(
    site: Site, acme: Partner, size_mib: int, options: tuple[str, ...], ballast: Callable[[Disk], Callable[[], None]]
) -> None:
    sent = Sent()
    with data_on(site, size_mib=size_mib, options=options) as disk:
        make_room = ballast(disk)
        site.start(env=ANY_ROOM)
        fill(site, acme, sent)
        assert site.process is not None
        assert site.process.returncode is None, "the server has ended"
        make_room()
        scenes.send_what_is_owed(site, acme, sent, scenes.seeded(32))
        scenes.check_all(site, sent)


def test_a_full_disk_is_survived_by_a_start(site: Site, acme: Partner) -> None:
    sent = Sent()
    with data_on(site, size_mib=64) as disk:
        make_room = spare_bytes(disk)
        site.start(env=ANY_ROOM)
        fill(site, acme, sent)
        site.kill()
        make_room()
        scenes.start_and_sweep(site)
        scenes.check_all(site, sent)


def test_a_disk_that_turns_read_only_ends_the_server(site: Site, acme: Partner) -> None:
    sent = Sent()
    with data_on(site, size_mib=256, options=("-e", "remount-ro")) as disk:
        site.start(env=ANY_ROOM)
        upload(site, acme, sent, files=10, name="before")
        device = next(
            line.split()[0] for line in Path("/proc/self/mounts").read_text().splitlines() if f" {disk.folder} " in line
        )
        Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("planted by a test")
        upload(site, acme, sent, files=10, name="behind")
        assert site.process.wait(timeout=30) == 4
        site.kill()
        disk.power_on()
        site.start(env=ANY_ROOM)
        scenes.send_what_is_owed(site, acme, sent, scenes.seeded(33))
        scenes.check_all(site, sent)


def test_a_clock_that_jumps_loses_nothing(site: Site, acme: Partner) -> None:
    sent, rng = Sent(), scenes.seeded(34)
    for number in range(4):
        scenes.start_and_sweep(site, fault="clock-jumps")
        scenes.kill_round(site, acme, sent, rng, name=f"{number:02}")
    scenes.start_and_sweep(site)
    scenes.send_what_is_owed(site, acme, sent, rng)
    scenes.check_all(site, sent)


@pytest.mark.parametrize("seed", [35])
def test_connections_that_break_lose_nothing(site: Site, acme: Partner, seed: int) -> None:
    sent = Sent()
    site.start()
    scenes.break_round(site, acme, sent, scenes.seeded(seed), name="00", breaks=60)
    scenes.check_all(site, sent)
    assert sent.again > 0
    assert sent.promised == sent.begun.keys()


@pytest.mark.parametrize(
    ("call", "how"), [("fsync", "error=EIO"), ("pwrite64", "error=ENOSPC"), ("write", "signal=KILL")]
)
def test_a_syscall_that_fails_loses_nothing(site: Site, acme: Partner, call: str, how: str) -> None:
    sent, rng = Sent(), scenes.seeded(36)
    for turn in (1, 4):
        scenes.start_and_sweep(site)
        struck = scenes.syscall_round(site, acme, sent, rng, name=f"{turn:02}", call=call, how=how, turn=turn)
        assert struck, "nothing was struck: the scene is too tame"
    scenes.start_and_sweep(site)
    scenes.send_what_is_owed(site, acme, sent, rng)
    scenes.check_all(site, sent)
