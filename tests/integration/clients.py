"""The clients that partners use, each driven as its users drive it; and a line to the server that can be cut.

A driver knows the words of its client and nothing of ours: paths go out as they are, and what came of it comes back.
"""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import paramiko

from tests.harness import DEADLINE_SECONDS, missing, peer


@dataclass(frozen=True)
class Line:
    """Where a client finds the server, and as whom; `folder` is for what the client keeps on its own disk."""

    port: int
    user: str
    key: Path
    host_keys: tuple[str, ...]
    folder: Path

    @property
    def url(self) -> str:
        return f"sftp://127.0.0.1:{self.port}"

    def run(self, *arguments: str | Path, said: str = "") -> "Done":
        """Run a program to its end; no program reads or writes the home of whoever tests."""
        done = subprocess.run(
            [str(argument) for argument in arguments],
            input=said, capture_output=True, text=True, timeout=DEADLINE_SECONDS, cwd=self.folder,
            env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        return Done(done.returncode, done.stdout + done.stderr)


@dataclass(frozen=True)
class Done:
    """How a client ended, and what it showed its user."""

    returncode: int
    said: str

    @property
    def ok(self) -> bool:
        return self.returncode == 0


class Client:
    """What every client can do. Remote paths are absolute; only `mirror` is not for all."""

    name: str
    resumes = True  # Goes on with what is there; one that cannot uploads the whole file again.
    begins = True  # Resuming a name that is not there begins it; else the client wants it to be there.
    mirrors = False
    unchanged_is_left = False  # A second mirror of the same folder sends nothing.

    def upload(self, line: Line, source: Path, target: str) -> Done:
        raise NotImplementedError

    def resume(self, line: Line, source: Path, target: str) -> Done:
        return self.upload(line, source, target)

    def upload_and_rename(self, line: Line, source: Path, first: str, then: str) -> Done:
        """The idiom: nobody is to see the file under its name before it is whole."""
        raise NotImplementedError

    def download(self, line: Line, source: str, target: Path) -> Done:
        raise NotImplementedError

    def mirror(self, line: Line, source: Path, target: str) -> Done:
        """Upload a folder with all below it; `target` ends in its name."""
        raise NotImplementedError


class OpenSSH(Client):
    name = "openssh"
    begins = False
    mirrors = True

    def command(self, line: Line, *options: str) -> list[str]:
        """To be read its batch on stdin; it stops at the first command that fails."""
        return [
            peer("sftp"), "-F", "none", "-P", str(line.port), "-b", "-",
            "-o", f"IdentityFile={line.key}", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={line.folder / 'known_hosts'}",
            "-o", "LogLevel=ERROR", *options, f"{line.user}@127.0.0.1",
        ]  # fmt: skip

    def batch(self, line: Line, *commands: str) -> Done:
        return line.run(*self.command(line), said="\n".join(commands) + "\n")

    def upload(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"put {source} {target}")

    def resume(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"reput {source} {target}")

    def upload_and_rename(self, line: Line, source: Path, first: str, then: str) -> Done:
        return self.batch(line, f"put {source} {first}", f"rename {first} {then}")

    def download(self, line: Line, source: str, target: Path) -> Done:
        return self.batch(line, f"get {source} {target}")

    def mirror(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"put -r {source} {target.rpartition('/')[0]}")  # As cp: into a folder that is there.


class Psftp(Client):
    name = "psftp"
    begins = False
    mirrors = True

    def batch(self, line: Line, *commands: str) -> Done:
        key = line.folder / "key.ppk"
        if not key.exists():
            made = line.run(peer("puttygen"), line.key, "-O", "private", "-o", key)
            assert made.ok, made.said
        script = line.folder / "batch"
        script.write_text("\n".join(commands) + "\n")
        known = [part for fingerprint in line.host_keys for part in ("-hostkey", fingerprint)]
        return line.run(
            peer("psftp"), "-batch", "-i", key, *known, "-P", str(line.port), "-b", script, f"{line.user}@127.0.0.1"
        )

    def upload(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"put {source} {target}")

    def resume(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"reput {source} {target}")

    def upload_and_rename(self, line: Line, source: Path, first: str, then: str) -> Done:
        return self.batch(line, f"put {source} {first}", f"mv {first} {then}")

    def download(self, line: Line, source: str, target: Path) -> Done:
        return self.batch(line, f"get {source} {target}")

    def mirror(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"put -r {source} {target}")


class Lftp(Client):
    name = "lftp"
    mirrors = True
    unchanged_is_left = True

    def batch(self, line: Line, *commands: str) -> Done:
        connect = (
            f"ssh -a -x -F none -o IdentityFile={line.key} -o IdentitiesOnly=yes -o BatchMode=yes "
            f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={line.folder / 'known_hosts'} -o LogLevel=ERROR"
        )
        settings = (
            f"set sftp:connect-program '{connect}'",
            "set net:max-retries 2",
            "set net:reconnect-interval-base 1",
            "set cmd:fail-exit yes",
        )
        return line.run(
            peer("lftp"), "--norc", "-c", "; ".join((*settings, f"open -u {line.user}, {line.url}", *commands))
        )

    def upload(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"put {source} -o {target}")

    def resume(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"put -c {source} -o {target}")

    def upload_and_rename(self, line: Line, source: Path, first: str, then: str) -> Done:
        return self.batch(line, f"put {source} -o {first}", f"mv {first} {then}")

    def download(self, line: Line, source: str, target: Path) -> Done:
        return self.batch(line, f"get {source} -o {target}")

    def mirror(self, line: Line, source: Path, target: str) -> Done:
        return self.batch(line, f"mirror -R {source} {target}")


class Curl(Client):
    name = "curl"

    def command(self, line: Line) -> list[str]:
        return [
            peer("curl"), "-q", "-sS", "-k", "--key", str(line.key), "--pubkey", f"{line.key}.pub",
            "-u", f"{line.user}:",
        ]  # fmt: skip

    def go(self, line: Line, *arguments: str | Path) -> Done:
        return line.run(*self.command(line), *arguments)

    def upload(self, line: Line, source: Path, target: str) -> Done:
        return self.go(line, "-T", source, line.url + target)

    def resume(self, line: Line, source: Path, target: str) -> Done:
        return self.go(line, "-C", "-", "-T", source, line.url + target)

    def upload_and_rename(self, line: Line, source: Path, first: str, then: str) -> Done:
        return self.go(line, "-T", source, line.url + first, "-Q", f"-rename {first} {then}")

    def download(self, line: Line, source: str, target: Path) -> Done:
        return self.go(line, "-o", target, line.url + source)


class Rclone(Client):
    """Debian's, which writes to the name itself. It asks for shells and checksums first, and makes do without."""

    name = "rclone"
    resumes = False
    mirrors = True
    unchanged_is_left = True

    def program(self) -> str:
        return peer("/usr/bin/rclone")

    def go(self, line: Line, *arguments: str | Path) -> Done:
        return line.run(
            self.program(), "--config", "/dev/null", "--cache-dir", line.folder / "cache", "--retries", "1",
            "--low-level-retries", "1", "--sftp-host", "127.0.0.1", "--sftp-port", str(line.port),
            "--sftp-user", line.user, "--sftp-key-file", line.key, *arguments,
        )  # fmt: skip

    def upload(self, line: Line, source: Path, target: str) -> Done:
        return self.go(line, "copyto", source, f":sftp:{target}")

    def upload_and_rename(self, line: Line, source: Path, first: str, then: str) -> Done:
        done = self.upload(line, source, first)
        return self.go(line, "moveto", f":sftp:{first}", f":sftp:{then}") if done.ok else done

    def download(self, line: Line, source: str, target: Path) -> Done:
        return self.go(line, "copyto", f":sftp:{source}", target)

    def mirror(self, line: Line, source: Path, target: str) -> Done:
        return self.go(line, "sync", source, f":sftp:{target}")


class CurrentRclone(Rclone):
    """Writes to NAME.xxxxxxxx.partial, and renames. It comes as a Python package, beside our interpreter."""

    name = "rclone-current"

    def program(self) -> str:
        return peer(str(Path(sys.executable).with_name("rclone")))


class Paramiko(Client):
    name = "paramiko"

    @contextmanager
    def session(self, line: Line) -> Iterator[paramiko.SFTPClient]:
        with paramiko.Transport(("127.0.0.1", line.port)) as transport:
            transport.connect(username=line.user, pkey=paramiko.Ed25519Key.from_private_key_file(str(line.key)))
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            with client:
                yield client

    def go(self, line: Line, *calls: Any) -> Done:
        try:
            with self.session(line) as client:
                for call in calls:
                    call(client)
        except (OSError, EOFError, paramiko.SSHException) as error:
            return Done(1, str(error) or type(error).__name__)
        return Done(0, "")

    def upload(self, line: Line, source: Path, target: str) -> Done:
        return self.go(line, lambda client: client.put(str(source), target))

    def resume(self, line: Line, source: Path, target: str) -> Done:
        def go_on(client: paramiko.SFTPClient) -> None:
            with client.open(target, "ab") as file:
                file.set_pipelined(True)
                file.write(source.read_bytes()[file.stat().st_size or 0 :])

        return self.go(line, go_on)

    def upload_and_rename(self, line: Line, source: Path, first: str, then: str) -> Done:
        return self.go(line, lambda client: client.put(str(source), first), lambda client: client.rename(first, then))

    def download(self, line: Line, source: str, target: Path) -> Done:
        return self.go(line, lambda client: client.get(source, str(target)))


class SSH2(Client):
    """ssh2-python: libssh2 as Python programs use it."""

    name = "ssh2-python"
    begins = False

    def go(self, line: Line, *calls: Any) -> Done:
        try:
            from ssh2.exceptions import SSH2Error
            from ssh2.session import Session
        except ImportError:
            missing("ssh2-python is not installed")
        with closing(socket.create_connection(("127.0.0.1", line.port))) as wire:
            session = Session()
            try:
                session.handshake(wire)
                session.userauth_publickey_fromfile(line.user, str(line.key))
                client = session.sftp_init()
                for call in calls:
                    call(client)
                session.disconnect()
            except SSH2Error as error:
                return Done(1, f"{type(error).__name__} {error} {session.last_error()}")
        return Done(0, "")

    def _write(self, client: Any, source: Path, target: str, flags: int, *, go_on: bool) -> None:
        from ssh2.exceptions import SFTPProtocolError
        from ssh2.sftp import LIBSSH2_FXF_WRITE

        file = client.open(target, LIBSSH2_FXF_WRITE | flags, 0o644)
        data = source.read_bytes()
        if go_on:
            begin = file.fstat().filesize
            file.seek64(begin)
            data = data[begin:]
        file.write(data)
        if file.close():  # It returns what it could raise.
            raise SFTPProtocolError("close")

    def upload(self, line: Line, source: Path, target: str) -> Done:
        from_new = 0x8 | 0x10  # CREAT, TRUNC
        return self.go(line, lambda client: self._write(client, source, target, from_new, go_on=False))

    def resume(self, line: Line, source: Path, target: str) -> Done:
        return self.go(line, lambda client: self._write(client, source, target, 0, go_on=True))

    def upload_and_rename(self, line: Line, source: Path, first: str, then: str) -> Done:
        return self.go(
            line,
            lambda client: self._write(client, source, first, 0x8 | 0x10, go_on=False),
            lambda client: client.rename(first, then),
        )

    def download(self, line: Line, source: str, target: Path) -> Done:
        def fetch(client: Any) -> None:
            with client.open(source, 0x1, 0) as file:
                target.write_bytes(b"".join(chunk for _, chunk in file))

        return self.go(line, fetch)


CLIENTS: list[Client] = [OpenSSH(), Psftp(), Lftp(), Curl(), Rclone(), CurrentRclone(), Paramiko(), SSH2()]


class Wire:
    """A line between client and server. Its first connection ends, or goes quiet, after so many bytes sent.

    After the cut nobody comes through any more, unless it `heals`.
    """

    def __init__(
        self, port: int, *, cut_after: int | None = None, hold_after: int | None = None, heals: bool = False
    ) -> None:
        self._server = port
        self._cut_after = cut_after
        self._hold_after = hold_after
        self._heals = heals
        self.held = threading.Event()
        self.go_on = threading.Event()
        self.count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def through(self, line: Line) -> Line:
        return replace(line, port=self.port)

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        for end in (self._listener, *self._ends):
            _shut(end)
        for thread in self._threads:
            thread.join(DEADLINE_SECONDS)

    def _spawn(self, call: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=call, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                self._ends += [client, server]
                first, self.count = self.count == 0, self.count + 1
                self._spawn(self._relay, client, server, first)
                self._spawn(self._relay, server, client, False)

    def _relay(self, source: socket.socket, target: socket.socket, watched: bool) -> None:  # noqa: FBT001
        sent = 0
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                sent += len(data)
                if watched and self._cut_after is not None and sent >= self._cut_after:
                    if not self._heals:
                        _shut(self._listener)
                    break
                if watched and self._hold_after is not None and sent >= self._hold_after:
                    self.held.set()
                    self.go_on.wait(DEADLINE_SECONDS)
        for end in (source, target):
            _shut(end)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # Wakes the thread that waits in it.
    end.close()
