"""Many small uploads by OpenSSH's client: ours durable before each yes, in one session and in eight side by side."""

import os
from pathlib import Path

from bench.payload import compare, random_file
from bench.rounds import interleave
from bench.row import Row, cost, speed
from bench.settings import number
from bench.site import Server, make_key, openssh, ours

SIZE = 8192
BARS = {1: (0.8, 1.0), 8: (1.0, 1.5)}  # By the number of sessions.


def measure(folder: Path) -> list[Row]:
    count = number("BENCH_FILES")
    key = make_key(folder / "key")
    store = folder / "store"
    store.mkdir()
    sent = [random_file(store / str(index), SIZE) for index in range(count)]
    rows = []
    with ours(folder, key) as mft, openssh(folder, key) as sshd:
        for sessions, bars in BARS.items():
            rows += _rows(folder, mft, sshd, sent, sessions, bars)
    return rows


def _rows(
    folder: Path, mft: Server, sshd: Server, sent: list[str], sessions: int, bars: tuple[float, float]
) -> list[Row]:
    def name(index: int, number: int) -> str:
        return f"s{sessions}-r{index}-{number}.bin"

    # A folder for each session of each round, of links to the same files: no name comes twice.
    folders: dict[int, list[Path]] = {}
    for index in range(number("BENCH_ROUNDS") + 1):
        folders[index] = [folder / f"s{sessions}-r{index}" / str(session) for session in range(sessions)]
        for each in folders[index]:
            each.mkdir(parents=True)
        for which in range(len(sent)):
            os.link(folder / "store" / str(which), folders[index][which % sessions] / name(index, which))

    def put(server: Server, index: int) -> None:
        server.sftp(*(f'lcd "{each}"\nmput *\n' for each in folders[index] if any(each.iterdir())))

    def after(server: Server, index: int) -> None:
        if index == 0:
            expected = {name(0, which): digest for which, digest in enumerate(sent)}
            compare(expected, server.arrived(expected), where=server.name)
        server.clear()

    what = f"{len(sent):,} files of 8 KiB, {sessions} session{'s' if sessions > 1 else ''}"
    took, peer = interleave(what, mft, sshd, put, after)
    count = len(sent)
    return [
        speed(f"{what} (peer does not fsync)", count / took.wall, count / peer.wall, "files/s", *bars),
        cost(f"{what}: server processor time", took.cpu / count * 1000, peer.cpu / count * 1000, "ms/file"),
    ]
