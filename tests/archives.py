"""Makes archives and PGP messages, good ones and hostile ones; shares no code with what reads them."""

import gzip
import io
import os
import shutil
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.harness import peer


def zipped(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, force_zip64: bool = False) -> bytes:
    """A zip file as Python's zipfile makes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            about = zipfile.ZipInfo(name)
            about.compress_type = method
            with archive.open(about, "w", force_zip64=force_zip64) as member:
                member.write(content)
    return out.getvalue()


@dataclass
class Member:
    """An entry, with whatever lies it is to tell."""

    path: bytes = b"orders.edi"
    content: bytes = b"ISA"
    method: int = 8
    flags: int = 0
    local_flags: int | None = None
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    packed: bytes | None = None
    local_path: bytes | None = None
    local_size: int | None = None
    external: int = 0
    at: int | None = None  # Where the directory says that it is.


def handmade(*members: Member, comment: bytes = b"", count: int | None = None, shift: int = 0) -> bytes:
    """A zip file, byte by byte."""
    body, directory = bytearray(), bytearray()
    for one in members:
        packed = one.packed
        if packed is None:
            squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = one.content if one.method == 0 else squeeze.compress(one.content) + squeeze.flush()
        crc = zlib.crc32(one.content) if one.crc is None else one.crc
        size = len(one.content) if one.size is None else one.size
        packed_size = len(packed) if one.packed_size is None else one.packed_size
        at = len(body) if one.at is None else one.at
        local_path = one.path if one.local_path is None else one.local_path
        flags = one.flags if one.local_flags is None else one.local_flags
        local_size = size if one.local_size is None else one.local_size
        if one.at is None:
            body += struct.pack(
                "<4s5H3L2H", b"PK\3\4", 20, flags, one.method, 0, 33, crc, packed_size, local_size, len(local_path), 0
            )
            body += local_path + packed
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 0x0314, 20, one.flags, one.method, 0, 33, crc, packed_size, size,
            len(one.path), 0, 0, 0, 0, one.external, at,
        ) + one.path  # fmt: skip
    total = len(members) if count is None else count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, total, total, len(directory), len(body) + shift, len(comment))
    return bytes(body + directory + end + comment)


def overlapping(kernel_size: int = 1_000_000, count: int = 50) -> bytes:
    """Many entries whose data is the same bytes: each local header is quoted by the one before, the kernel is shared.

    After David Fifield, "A better zip bomb" (2019), section 4.
    """
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeeze.compress(bytes(kernel_size)) + squeeze.flush()
    crc, size = zlib.crc32(bytes(kernel_size)), kernel_size
    body, entries = packed, []
    for number in reversed(range(count)):
        path = b"%03d" % number
        header = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(body), size, len(path), 0) + path
        entries.append((path, crc, len(body), size, len(header) + len(body)))
        quote = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF)
        crc = zlib.crc32(header + _plain(body))
        size += len(header)
        body = quote + header + body
    body = body[5:]
    directory = bytearray()
    for path, crc, packed_size, size, from_end in reversed(entries):
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 0x0314, 20, 0, 8, 0, 33, crc, packed_size, size, len(path), 0, 0, 0, 0, 0,
            len(body) - from_end,
        ) + path  # fmt: skip
    return body + bytes(directory) + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0
    )  # fmt: skip


def _plain(packed: bytes) -> bytes:
    return zlib.decompress(packed, -15)


def nested_gzip(content: bytes, times: int) -> bytes:
    for _ in range(times):
        content = gzip.compress(content, mtime=0)
    return content


class Gpg:
    """gpg with a home of its own: a partner's, or ours when keys are made."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(mode=0o700, exist_ok=True)

    def run(self, *arguments: str, content: bytes = b"", passphrase: str = "") -> bytes:
        done = subprocess.run(
            [peer("gpg"), "--homedir", str(self.home), "--batch", "--no-tty", "--yes", "--trust-model", "always",
             "--pinentry-mode", "loopback", "--passphrase", passphrase, *arguments],
            input=content, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make_key(self, name: str, *arguments: str, passphrase: str = "", expires: str = "0") -> str:
        """A key to sign and to encrypt with; its fingerprint."""
        self.run(*arguments, "--quick-gen-key", name, "rsa2048", "default", expires, passphrase=passphrase)
        shown = self.run("--with-colons", "--list-keys", f"={name}").decode()
        return next(line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr:"))

    def add_subkey(self, fingerprint: str) -> None:
        self.run("--quick-add-key", fingerprint, "rsa2048", "encr", "0")

    def public(self, fingerprint: str) -> bytes:
        return self.run("--armor", "--export", fingerprint)

    def secret(self, fingerprint: str, passphrase: str = "") -> bytes:
        return self.run("--armor", "--export-secret-keys", fingerprint, passphrase=passphrase)

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], capture_output=True)
        shutil.rmtree(self.home)


@contextmanager
def gpg_home(folder: Path) -> Iterator[Gpg]:
    """In memory, where paths are short enough for the agent's socket."""
    gpg = Gpg(folder)
    try:
        yield gpg
    finally:
        gpg.close()


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def without_protection(gpg: Gpg, protected: bytes, content: bytes) -> bytes:
    """A message in the old way, without a code against altering it (packet tag 9), under the session key of another.

    Spec: RFC 4880, sections 5.7 and 13.9.
    """
    shown = subprocess.run(
        [peer("gpg"), "--homedir", str(gpg.home), "--batch", "--show-session-key", "--decrypt"],
        input=protected, capture_output=True,
    ).stderr.decode()  # fmt: skip
    key = bytes.fromhex(shown.partition("session key: '9:")[2].partition("'")[0])
    assert len(key) == 32, shown
    literal = _packet(11, b"b\0" + bytes(4) + content)
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305  CFB is built on it below.
    prefix = os.urandom(16)
    prefix += prefix[-2:]
    out = bytes(a ^ b for a, b in zip(prefix[:16], block(bytes(16)), strict=True))
    out += bytes(a ^ b for a, b in zip(prefix[16:], block(out)[:2], strict=True))
    feedback = out[2:18]
    for at in range(0, len(literal), 16):
        piece = literal[at : at + 16]
        feedback = bytes(a ^ b for a, b in zip(piece, block(feedback), strict=False))
        out += feedback
    assert protected[0] in {0x84, 0x85}
    length = 2 + protected[1] if protected[0] == 0x84 else 3 + int.from_bytes(protected[1:3], "big")
    return protected[:length] + _packet(9, out)
