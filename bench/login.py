"""Logins by OpenSSH's client, one after the other: connect, key exchange, public key, SFTP session, leave.

Both servers are given the same algorithms. A client of its own for each login takes longer than either server does, so
the wall time compares little but the client with itself; the bars are for what one processor of the server could do.
"""

from pathlib import Path

from bench.rounds import interleave
from bench.row import Row, cost, speed
from bench.settings import number
from bench.site import Server, make_key, openssh, ours


def measure(folder: Path) -> list[Row]:
    count = number("BENCH_LOGINS")
    key = make_key(folder / "key")

    def log_in(server: Server, _index: int) -> None:
        for _ in range(count):
            server.sftp("pwd\n")

    with ours(folder, key) as mft, openssh(folder, key) as sshd:
        took, peer = interleave("login", mft, sshd, log_in)
    return [
        speed("logins per second of one server processor", count / took.cpu, count / peer.cpu, "1/s", 3.0, 6.0),
        cost("login: server processor time", took.cpu / count * 1000, peer.cpu / count * 1000, "ms"),
        speed("logins one after the other, client included", count / took.wall, count / peer.wall, "1/s"),
    ]
