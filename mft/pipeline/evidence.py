"""What a partner's files say about each other: that one is whole, how large it is, what its checksum is.

A *companion* arrives beside the file that it speaks of, before it or behind it. Names and bytes in, values out: whether
the two agree, and what follows from that, is decided where the ledger is. What is not understood says nothing: a wrong
guess would put a partner's good file in doubt.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

CONTENT_MAX: Final = 64 * 1024  # A larger file is no companion, whatever its name.

Kind = Literal["checksum", "done", "control"]

_ALGORITHMS: Final = ("md5", "sha1", "sha256", "sha512")
_SUFFIXES: Final[dict[bytes, tuple[Kind, str | None]]] = {
    **{(name + more).encode(): ("checksum", name) for name in _ALGORITHMS for more in ("", "sum")},
    **dict.fromkeys((b"done", b"ok", b"fin", b"complete", b"go"), ("done", None)),
    **dict.fromkeys((b"ctl", b"ctrl", b"trg", b"trigger", b"sem"), ("control", None)),
}

_BY_DIGITS: Final = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_BY_TAG: Final = {b"md5": "md5", b"sha1": "sha1", b"sha256": "sha256", b"sha512": "sha512"}
_HEX: Final = rb"(?P<hex>[0-9A-Fa-f]{32,128})"
_PLAIN: Final = re.compile(rb"(?P<escaped>\\?)" + _HEX + rb"(?:[ \t]+\*?(?P<name>[^ \t].*))?")  # md5sum and its kin
_TAGGED: Final = re.compile(  # BSD, `md5sum --tag`, `openssl dgst`
    rb"(?P<escaped>\\?)(?P<tag>MD5|SHA-?1|SHA(?:2-|-)?(?:256|512)) ?\((?P<name>.+)\) ?= ?" + _HEX, re.IGNORECASE
)
_ESCAPES: Final = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}

_PAIR: Final = re.compile(rb"([A-Za-z][A-Za-z0-9 _.-]*)[=:](.*)")
_NUMBER: Final = re.compile(rb"[0-9]{1,18}")
_MEANINGS: Final = {b"size": "size", b"bytes": "size", b"filesize": "size", b"count": "count"}


@dataclass(frozen=True, slots=True)
class Companion:
    """A name that speaks of other files in its folder. `algorithm` only of a checksum."""

    kind: Kind
    algorithm: str | None
    subject: bytes
    """Its name without the suffix. A file of exactly this name is meant before any other."""

    def may_speak_of(self, name: bytes) -> bool:
        """Whether `name` is the subject, or a file of that stem: `claims.done` speaks of `claims.edi`.

        A name's case counts, as in the folder. A companion of the same stem is not meant: `claims.done` does not speak
        of `claims.md5`, though `claims.md5.done` does.
        """
        if name == self.subject:
            return True
        return name.startswith(self.subject + b".") and companion_of(name) is None


class Checksum(NamedTuple):
    """`name` is None where the line has no name: then the companion's own tells."""

    name: bytes | None
    algorithm: str
    digest: bytes


def companion_of(name: bytes) -> Companion | None:
    """What a file's name makes it; None for nearly all. The suffix may be written in any case."""
    subject, _, suffix = name.rpartition(b".")
    found = _SUFFIXES.get(suffix.lower())
    if found is None or not subject:
        return None
    return Companion(*found, subject)


def speaks_of(name: bytes, size_bytes: int) -> bytes | None:
    """The name that a file speaks of, as its own name tells; None where it is no companion."""
    companion = companion_of(name) if size_bytes <= CONTENT_MAX else None
    return companion.subject if companion else None


def checksums(content: bytes) -> list[Checksum]:
    """Read a checksum file: `HEX`, `HEX  name`, `HEX *name` or `SHA256 (name) = HEX` a line; # or ; begins a comment.

    The folders of a path are left out, on Windows too: where the file lay at the sender's says nothing here.

    Returns:
        Nothing if a single line is none of these.
    """
    found = []
    for line in _lines(content):
        match = _PLAIN.fullmatch(line) or _TAGGED.fullmatch(line)
        if match is None:
            return []
        algorithm = _BY_DIGITS.get(len(match["hex"]))
        tag = match.groupdict().get("tag")
        if algorithm is None or (tag is not None and _algorithm(tag) != algorithm):
            return []
        name = match["name"]
        if name is not None:
            if match["escaped"]:
                name = re.sub(rb"\\[\\nr]", lambda escape: _ESCAPES[escape[0]], name)
            name = re.split(rb"[/\\]", name)[-1]
            if not name:
                return []
        found.append(Checksum(name, algorithm, bytes.fromhex(match["hex"].decode("ascii"))))
    return found


def _algorithm(tag: bytes) -> str | None:
    """OpenSSL's SHA2-256 and others' SHA-256 are SHA256."""
    return _BY_TAG.get(tag.lower().replace(b"sha2-", b"sha").replace(b"-", b""))


def expected(content: bytes) -> dict[str, int]:
    """Read a control file of plain `key=value` or `key: value` lines.

    Returns:
        `size` in bytes, out of a line `size`, `bytes` or `filesize`, and `count` if it has that too. Nothing if no line
        tells a size, if a line is of another kind, or if two contradict each other.
    """
    found: dict[str, int] = {}
    for line in _lines(content):
        pair = _PAIR.fullmatch(line)
        if pair is None:
            return {}
        meaning = _MEANINGS.get(re.sub(rb"[ _.-]", b"", pair[1]).lower())
        if meaning is None:
            continue
        value = pair[2].strip()
        if not _NUMBER.fullmatch(value) or found.setdefault(meaning, int(value)) != int(value):
            return {}
    return found if "size" in found else {}


def _lines(content: bytes) -> list[bytes]:
    """Lines that are neither empty nor comments, without the blanks around them; of a file that is too large, none."""
    if len(content) > CONTENT_MAX:
        return []
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # What PowerShell's `>` writes.
        content = content.decode("utf-16", "replace").encode("utf-8", "replace")
    stripped = (line.strip(b" \t\r") for line in content.removeprefix(codecs.BOM_UTF8).split(b"\n"))
    return [line for line in stripped if line and not line.startswith((b"#", b";"))]
