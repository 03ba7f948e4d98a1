"""PGP messages through gpg: decrypted, and their signatures looked at, with nothing in clear on any disk.

Each message has a home of its own for gpg, in memory: our secret keys and partners' public keys are read into it, and
it is gone with its agent afterwards. Plaintext comes out of gpg's standard output in pieces, and may be used only when
`Decryption.pieces` has come to its end: then gpg ended well, and what it said on its status channel was judged.

Trust: who can read keys/pgp reads what partners send; who can write config/pgp decides whose signatures count, as far
as partner files name their fingerprints.
"""

import os
import selectors
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mft.errors import MFTError, Refused

_PIPE: Final = 1 << 16
_PASSPHRASE_ERRORS: Final = {11, 177}  # GPG_ERR_BAD_PASSPHRASE, GPG_ERR_NO_PASSPHRASE
_SAID_MAX: Final = 1 << 18  # Of what gpg says about one message.
_PREFIX: Final = "mft-pgp-"
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_TURN_SECONDS: Final = 1.0
_COMMAND_SECONDS: Final = 60.0
_QUIET: Final = ("--batch", "--no-tty", "--no-options", "--disable-dirmngr", "--no-auto-key-retrieve")
PASSPHRASE: Final = "passphrase"  # noqa: S105  The name of a file.

NO_RELEASE: Final = "a release tries again, and does not let it pass"


class PgpRefused(Refused):
    """A message may not pass; the message says why, and what to do."""

    code = "refused.pgp"


class NoGpg(MFTError):
    """Nothing can be decrypted on this machine as it is."""

    code = "missing.gpg"


@dataclass(frozen=True, slots=True)
class PgpKeys:
    """Where keys lie: our secret ones, with their passphrase where they have one, and partners' public ones."""

    secret: Path
    public: Path

    def files(self) -> list[Path]:
        """Raises PgpRefused: a secret key can be read by others."""
        secret = _key_files(self.secret)
        for path in (*secret, self.secret / PASSPHRASE):
            if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise PgpRefused(f"others can read keys/pgp/{path.name}: run chmod 0400 on it; {NO_RELEASE}")
        return [*secret, *_key_files(self.public)]

    def passphrase(self) -> bytes:
        """The first line of its file; nothing where there is none."""
        try:
            return (self.secret / PASSPHRASE).read_bytes().partition(b"\n")[0].rstrip(b"\r")
        except FileNotFoundError:
            return b""


def _key_files(folder: Path) -> list[Path]:
    found = (path for suffix in ("asc", "gpg", "pgp") for path in folder.glob(f"*.{suffix}"))
    return sorted(path for path in found if path.is_file())


NO_KEYS: Final = PgpKeys(Path("/nowhere"), Path("/nowhere"))


@dataclass(frozen=True, slots=True)
class PgpKey:
    """What there is to know of a key in a file. `ends_at` is in seconds since 1970, None: never."""

    fingerprint: str
    secret: bool
    ends_at: int | None


def listed(keys: PgpKeys) -> list[PgpKey]:
    """Every key of both folders.

    Raises:
        NoGpg: gpg is missing, or there is no place for its home.
        PgpRefused: a file is no key, or can be read by others.
    """
    files = keys.files()
    if not files:
        return []
    with _home() as home:
        shown = _run(home, "--with-colons", "--show-keys", *map(str, files))
    if shown.returncode:
        raise PgpRefused("a file in keys/pgp or config/pgp is no key that gpg can read")
    found: list[PgpKey] = []
    opened: list[str] | None = None
    for line in shown.stdout.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if fields[0] in {"pub", "sec"}:
            opened = fields
        elif fields[0] == "fpr" and opened is not None:
            found.append(PgpKey(fields[9], opened[0] == "sec", int(opened[6]) if opened[6] else None))
            opened = None  # What follows is of subkeys.
    return found


def memory_folder() -> Path:
    """A folder of a file system that lies in memory.

    Raises:
        NoGpg: there is none.
    """
    places = [Path("/dev/shm"), Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere")]  # noqa: S108  Not used by its name.
    for place in places:
        if place.is_dir() and os.access(place, os.W_OK) and _file_system(place) in _IN_MEMORY:
            return place
    raise NoGpg("gpg's keys may lie in memory alone, and neither /dev/shm nor $XDG_RUNTIME_DIR is a tmpfs: mount one")


def _file_system(place: Path) -> str:
    """The kind of the file system that a folder lies on."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    kinds = {
        fields[1]: fields[2] for fields in map(str.split, lines)
    }  # The last one mounted at a place is the one seen.
    real = place.resolve()
    return next((kinds[str(one)] for one in (real, *real.parents) if str(one) in kinds), "")


def sweep_homes() -> None:
    """Remove homes whose process died before it could."""
    with suppress(NoGpg, OSError):  # Another server on this machine may be removing its own.
        for home in memory_folder().glob(f"{_PREFIX}*"):
            pid = home.name.removeprefix(_PREFIX).partition("-")[0]
            if home.stat().st_uid == os.getuid() and pid.isdigit() and not Path(f"/proc/{pid}").exists():
                _remove(home)


@contextmanager
def _home() -> Iterator[Path]:
    if shutil.which("gpg") is None or shutil.which("gpgconf") is None:
        raise NoGpg("gpg is not installed: apt-get install gnupg")
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=memory_folder()))
    try:
        yield home
    finally:
        _remove(home)


def _remove(home: Path) -> None:
    with suppress(OSError, subprocess.SubprocessError):
        for what in (["--kill", "all"], ["--remove-socketdir"]):
            subprocess.run(
                ["gpgconf", "--homedir", str(home), *what],
                check=False,
                env=_environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_COMMAND_SECONDS,
            )
    shutil.rmtree(home, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _run(home: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["gpg", "--homedir", str(home), *_QUIET, *arguments],
        check=False,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # It could quote a name.
        timeout=_COMMAND_SECONDS,
    )


@dataclass(slots=True)
class _Said:
    """What gpg said of a message, by its status lines (doc/DETAILS of GnuPG)."""

    words: set[str] = field(default_factory=set)
    plaintexts: int = 0
    encrypted: int = 0  # Layers of encryption,
    protected: int = 0  # and those of them that nobody can alter unnoticed.
    decrypted: int = 0
    locked: bool = False
    signatures: list[list[str]] = field(
        default_factory=list
    )  # Of each, its verdict and the fingerprints it is valid for.

    def take(self, line: str) -> None:
        marker, word, *rest = [*line.split(" "), ""]
        if marker != "[GNUPG:]":
            return
        if word == "ERROR":
            word = f"{word} {rest[0]}"
        self.words.add(word)
        match word:
            case "PLAINTEXT" | "ERROR proc_pkt.plaintext":  # The second stands for one that it saw and left out.
                self.plaintexts += 1
            case "ERROR pkdecrypt_failed":
                self.locked |= rest[1].isdigit() and int(rest[1]) & 0xFFFF in _PASSPHRASE_ERRORS
            case "DECRYPTION_INFO":
                self.encrypted += 1
                mdc, aead = rest[0], rest[2] if len(rest) > 3 else "0"
                self.protected += mdc == "2" or aead not in {"", "0"}
            case "DECRYPTION_OKAY":
                self.decrypted += 1
            case "GOODSIG" | "EXPSIG" | "EXPKEYSIG" | "REVKEYSIG" | "BADSIG" | "ERRSIG":
                self.signatures.append([word])
            case "VALIDSIG" if self.signatures:
                self.signatures[-1] += [rest[0], *rest[9:10]]

    def signer(self, wanted: Sequence[str]) -> str | None:
        """Whose good signature it bears, of those wanted."""
        for verdict, *fingerprints in self.signatures:
            if verdict == "GOODSIG":
                for one in fingerprints:
                    if one in wanted:
                        return one
        return None


class Decryption:
    """One message. `signed_by` is known when `pieces` has come to its end.

    Args:
        wanted: fingerprints, of which one must have signed; without any, signatures are not looked at.
    """

    def __init__(self, keys: PgpKeys, wanted: Sequence[str]) -> None:
        self._keys = keys
        self._wanted = wanted
        self.signed_by: str | None = None

    def pieces(self, chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
        """The plaintext. What comes may not be used before all of it has come.

        Raises:
            PgpRefused: the message may not pass.
            NoGpg: it cannot be decrypted here.
        """
        files = self._keys.files()
        with _home() as home:
            if files and _run(home, "--import", *map(str, files)).returncode:
                raise PgpRefused(f"a file in keys/pgp or config/pgp is no key that gpg can read; {NO_RELEASE}")
            said = _Said()
            code = yield from self._exchange(home, chunks, said)
        self.signed_by = _judged(said, code, self._wanted)

    def _exchange(self, home: Path, chunks: Iterator[bytes], said: _Said) -> Generator[bytes, None, int]:
        status, status_to = os.pipe()
        phrase_from, phrase = os.pipe()
        os.write(phrase, self._keys.passphrase()[: _PIPE // 2] + b"\n")
        os.close(phrase)
        verify = ("--weak-digest", "SHA1") if self._wanted else ("--skip-verify",)
        arguments = (
            "gpg", "--homedir", str(home), *_QUIET, *verify, "--trust-model", "always", "--pinentry-mode", "loopback",
            "--status-fd", str(status_to), "--passphrase-fd", str(phrase_from), "--decrypt",
        )  # fmt: skip
        try:
            process = subprocess.Popen(
                arguments,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(status_to, phrase_from),
                start_new_session=True,
                bufsize=0,
            )
        except BaseException:
            os.close(status)
            raise
        finally:
            os.close(status_to)
            os.close(phrase_from)
        try:
            yield from _piped(process, status, chunks, said)
            return process.wait(_COMMAND_SECONDS)
        finally:
            os.close(status)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.kill()
            process.wait()


def _piped(process: subprocess.Popen[bytes], status: int, chunks: Iterator[bytes], said: _Said) -> Iterator[bytes]:
    """Feed the message in, and hand out what comes; ends when gpg has closed both its ends."""
    assert process.stdin is not None
    assert process.stdout is not None
    to, back = process.stdin.fileno(), process.stdout.fileno()
    os.set_blocking(to, False)
    outgoing = memoryview(b"")
    line, said_bytes = b"", 0
    with selectors.DefaultSelector() as selector:
        selector.register(to, selectors.EVENT_WRITE)
        selector.register(back, selectors.EVENT_READ)
        selector.register(status, selectors.EVENT_READ)
        reading = {back, status}
        while reading:
            ready = selector.select(_TURN_SECONDS)
            if not ready:
                yield b""  # So that the caller looks at the clock.
            for key, _ in ready:
                if key.fd == to:
                    outgoing = outgoing or memoryview(next(chunks, b""))
                    try:
                        written = os.write(to, outgoing)
                    except BlockingIOError:
                        continue
                    except BrokenPipeError:  # It has seen enough, and says why.
                        outgoing = memoryview(b"")
                    else:
                        outgoing = outgoing[written:]
                        if written:
                            continue
                    selector.unregister(to)
                    process.stdin.close()
                    continue
                piece = os.read(key.fd, _PIPE)
                if not piece:
                    selector.unregister(key.fd)
                    reading.discard(key.fd)
                elif key.fd == back:
                    yield piece
                else:
                    said_bytes += len(piece)
                    if said_bytes > _SAID_MAX:
                        raise PgpRefused(f"the message has too many parts and signatures; {NO_RELEASE}")
                    *lines, line = (line + piece).split(b"\n")
                    for one in lines:
                        said.take(one.decode("utf-8", "replace"))


def _judged(said: _Said, code: int, wanted: Sequence[str]) -> str | None:
    """Who signed, of those wanted.

    Raises:
        PgpRefused: the message may not pass.
    """
    words = said.words
    if said.encrypted > said.protected:
        raise PgpRefused(
            f"the message is not protected against being altered (no MDC): ask for a newer program; {NO_RELEASE}"
        )
    if "BADMDC" in words:
        raise PgpRefused(f"the message was altered or cut on its way: ask for it again; {NO_RELEASE}")
    if said.locked and not said.decrypted:
        raise PgpRefused(f"keys/pgp/{PASSPHRASE} does not open the secret key: mend it and release the file")
    if "NO_SECKEY" in words and not said.decrypted:
        raise PgpRefused(
            "the message is for a key that is not in keys/pgp: add it and release the file, or tell its sender"
        )
    if said.plaintexts > 1:
        raise PgpRefused(f"several messages stand in one file: ask for a file of each; {NO_RELEASE}")
    if said.encrypted != said.decrypted or "DECRYPTION_FAILED" in words:
        raise PgpRefused(f"the message does not decrypt: it is damaged, or cut short; {NO_RELEASE}")
    if said.plaintexts == 0:
        raise PgpRefused(f"there is no message that gpg can read: it is damaged, or cut short; {NO_RELEASE}")
    verdicts = {signature[0] for signature in said.signatures}
    if "BADSIG" in verdicts:
        raise PgpRefused(
            "a signature does not fit the message: it was altered, or damaged; a release lets it pass unsigned"
        )
    signer = said.signer(wanted)
    if wanted and signer is None:
        raise PgpRefused(f"{_unsigned(verdicts)}; a release lets it pass unsigned")
    if code or words & {"FAILURE", "UNEXPECTED", "NODATA"}:
        raise PgpRefused(f"gpg does not vouch for the message as a whole: it is damaged, or cut short; {NO_RELEASE}")
    return signer


def _unsigned(verdicts: set[str]) -> str:
    for verdict, told in (
        ("GOODSIG", "the message is signed, but by none of the keys in `signed_by`"),
        ("EXPKEYSIG", "the message is signed by a key that has expired"),
        ("REVKEYSIG", "the message is signed by a key that was revoked"),
        ("EXPSIG", "the message's signature has expired"),
        ("ERRSIG", "the message is signed by a key that is not in config/pgp, or in a way that is not accepted"),
    ):
        if verdict in verdicts:
            return told
    return "the message is not signed"
