"""Whether an EDI file has its trailer, by its first and last bytes. What it says is for the parsers to judge."""

import re
from collections.abc import Callable
from typing import Final

SEEN_BYTES: Final = 4096  # At either end.
_BLANK: Final = b" \t\r\n\0\x1a"


def _x12(head: bytes, tail: bytes) -> bool:
    if len(head) < 106:
        return False
    element, terminator = head[3:4], head[105:106]
    ended = tail.rstrip(_BLANK.replace(terminator, b""))
    if not ended.endswith(terminator):
        return False
    return ended[:-1].split(terminator)[-1].lstrip(_BLANK).startswith(b"IEA" + element)


def _edifact(head: bytes, tail: bytes) -> bool:
    terminator, release = (head[8:9], head[6:7]) if head.startswith(b"UNA") else (b"'", b"?")
    ended = tail.rstrip(_BLANK.replace(terminator, b""))
    if not ended.endswith(terminator) or ended.endswith(release + terminator):
        return False
    return ended[:-1].split(terminator)[-1].lstrip(_BLANK).startswith(b"UNZ")


def _tradacoms(_head: bytes, tail: bytes) -> bool:
    return tail.rstrip(_BLANK).endswith(b"'") and b"END=" in tail.rstrip(_BLANK)[-32:]


def _hl7_batch(head: bytes, tail: bytes) -> bool:
    wanted = b"FTS" if head.startswith(b"FHS") else b"BTS"
    return re.split(rb"[\r\n]+", tail.rstrip(_BLANK))[-1].startswith(wanted)


def _xml(head: bytes, tail: bytes) -> bool:
    root = re.search(rb"<([A-Za-z_][^\s/>!?]*)[\s/>]", re.sub(rb"<!--.*?-->", b"", head, flags=re.DOTALL))
    return (
        root is not None and re.search(rb"</\s*" + re.escape(root[1]) + rb"\s*>\s*\Z", tail.rstrip(b"\0")) is not None
    )


def _nacha(_head: bytes, tail: bytes) -> bool:
    kept = tail.strip()
    lines = re.split(rb"[\r\n]+", kept)
    if len(lines) == 1:  # Records of 94 bytes, without line ends.
        lines = [kept[at : at + 94] for at in range(len(kept) % 94, len(kept), 94)]
    records = [line for line in lines if line.strip(b"9")]  # Lines of nines fill the last block.
    return bool(records) and records[-1].startswith(b"9")


def _bai2(_head: bytes, tail: bytes) -> bool:
    return re.split(rb"[\r\n]+", tail.rstrip(_BLANK))[-1].startswith(b"99,")


_STANDARDS: Final[tuple[tuple[bytes, Callable[[bytes, bytes], bool]], ...]] = (
    (rb"ISA[^A-Za-z0-9 ]", _x12),
    (rb"UN[AB].", _edifact),
    (rb"STX=", _tradacoms),
    (rb"[FB]HS[^A-Za-z0-9 ]", _hl7_batch),
    (rb"<(\?xml|!|[A-Za-z_])", _xml),
    (rb"101 ", _nacha),
    (rb"01,", _bai2),
)


def has_trailer(head: bytes, tail: bytes) -> bool | None:
    """Whether a file ends as its standard says it must. None: it is of none that has a trailer.

    Args:
        head: its first `SEEN_BYTES`.
        tail: its last, which are the same bytes where it is short.
    """
    begun = head.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    for pattern, ends in _STANDARDS:
        if re.match(pattern, begun, re.DOTALL):
            return ends(begun, tail)
    return None
