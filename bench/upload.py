"""One large upload by OpenSSH's client: to us, sealed, synced and committed; to OpenSSH's internal-sftp, plain."""

from pathlib import Path

from bench.payload import compare, random_file
from bench.rounds import interleave, megabytes, processor
from bench.row import Row
from bench.settings import number
from bench.site import Server, make_key, openssh, ours


def measure(folder: Path) -> list[Row]:
    mib = number("BENCH_UPLOAD_MIB")
    source = folder / "upload.bin"
    sent = random_file(source, mib << 20)
    key = make_key(folder / "key")

    def put(server: Server, index: int) -> None:
        server.sftp(f'put "{source}" up{index}\n')

    def after(server: Server, index: int) -> None:
        if index == 0:
            compare({"up0": sent}, server.arrived({"up0"}), where=server.name)
        server.clear()

    with ours(folder, key) as mft, openssh(folder, key) as sshd:
        took = interleave("upload", mft, sshd, put, after)
    return [
        megabytes(f"upload of {mib} MiB, AES-GCM (peer does not fsync)", mib << 20, *took, 1.3, 2.0),
        processor("upload", mib << 20, *took, 1.33, 2.0),  # 0.75 and 0.5 of the peer's.
    ]
