"""An OpenSSH `authorized_keys` file: each line's key, until when it is good, and which of its options come over.

Pure data. Format: sshd(8), AUTHORIZED_KEYS FILE FORMAT.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from partners.connection import key_blob

RSA_BITS_MIN: Final = 2048

_HERE_FOR_ALL: Final = frozenset(
    ("restrict", "no-pty", "no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc")
)
"""What they forbid, nobody may here: there is SFTP, and nothing else."""

_NOBODY_MAY: Final = frozenset(("pty", "port-forwarding", "agent-forwarding", "x11-forwarding", "user-rc", "tunnel"))
_WHY_NOT: Final = {
    "from": "a login is not bound to source addresses: let a firewall do that",
    "command": "no program runs at a login: see feeds, and events for what comes after",
    "environment": "there is no shell to have it",
    "permitopen": "there is no forwarding",
    "permitlisten": "there is no forwarding",
    "principals": "certificates are not taken",
    "verify-required": "the key counts, however it was unlocked",
    "no-touch-required": "the key counts, however it was unlocked",
}
_SFTP: Final = re.compile(r"(internal-sftp|(/\S*/)?sftp-server)(\s+-[fl]\s+\S+)*")


class AuthorizedKey(NamedTuple):
    """One line. `expires` is the last day on which it is good; `left_out` says what does not come over, and why."""

    line: int
    key: str
    comment: str
    expires: date | None
    left_out: tuple[str, ...]


class BadLine(Exception):
    """A line that has no key for us; the text says what to do."""


def read_authorized_keys(text: str) -> tuple[list[AuthorizedKey], list[tuple[int, str]]]:
    """Every key in order, and every line that is wrong, with its number and what to do."""
    keys, wrong = list[AuthorizedKey](), list[tuple[int, str]]()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            keys.append(_read(number, line.strip()))
        except (BadLine, ValueError) as error:
            wrong.append((number, str(error)))
    return keys, wrong


def _read(number: int, line: str) -> AuthorizedKey:
    options = "" if line.startswith(("ssh-", "ecdsa-", "sk-")) else _first_word(line)
    rest = line[len(options) :].strip()
    kind = rest.split(None, 1)[0] if rest else ""
    named = [(name.lower(), value) for name, value in _options(options)]
    if any(name == "cert-authority" for name, _ in named) or "-cert-v01@" in kind:
        raise BadLine("certificates are not taken: ask for the keys themselves, and delete this line")
    if kind == "ssh-dss":
        raise BadLine("DSA keys are too weak: ask for another key, and delete this line")
    blob = key_blob(rest)
    expires, left_out = None, list[str]()
    for name, value in named:
        if name == "expiry-time":
            expires = _last_day(value)
        elif name in _HERE_FOR_ALL or (name == "command" and _SFTP.fullmatch(value)):
            continue
        else:
            why = "nobody may that here" if name in _NOBODY_MAY else _WHY_NOT.get(name, "it is not known here")
            left_out.append(f"{name}: {why}")
    if kind == "ssh-rsa" and (bits := rsa_bits(blob)) < RSA_BITS_MIN:
        raise BadLine(f"an RSA key of {bits} bits is too weak: ask for another key, and delete this line")
    parts = rest.split(None, 2)
    comment = parts[2] if len(parts) > 2 else ""
    return AuthorizedKey(number, " ".join(rest.split()), comment, expires, tuple(left_out))


def _first_word(line: str) -> str:
    """To the first blank that stands in no quotes."""
    quoted = False
    for at, char in enumerate(line):
        if char == '"' and line[at - 1 : at] != "\\":
            quoted = not quoted
        elif char in " \t" and not quoted:
            return line[:at]
    raise BadLine("there is no key; expected one line like `ssh-ed25519 AAAA… comment`, options before it or not")


def _options(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r'([^=,"]+)(?:="((?:\\"|[^"])*)")?(?:,|$)', text):
        yield found[1], (found[2] or "").replace('\\"', '"')


def _last_day(text: str) -> date:
    """The last whole day before a moment `YYYYMMDD[HHMM[SS]][Z]`: a key is never good for longer than it was."""
    for pattern in ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S"):
        try:
            at = datetime.strptime(text.removesuffix("Z"), pattern)  # noqa: DTZ007  Only its day counts.
        except ValueError:
            continue
        return at.date() - timedelta(days=1)
    raise BadLine("expiry-time is no time; expected YYYYMMDD, with HHMM or HHMMSS behind it")


def rsa_bits(blob: bytes) -> int:
    """The size of an RSA key's modulus, the third field of its blob."""
    at, fields = 0, list[bytes]()
    while at < len(blob):
        size = int.from_bytes(blob[at : at + 4], "big")
        fields.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return int.from_bytes(fields[2], "big").bit_length() if len(fields) > 2 else 0
