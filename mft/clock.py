"""Time and ids. Times at rest are integer UTC microseconds; ids are UUIDv7, shown in base32.

An id sorts by the moment it was made, and within one process never repeats or goes back.
"""

import secrets
import threading
import time
from datetime import UTC, datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32, lower case: sorts as the bytes do.
LAST_ID = "z" * 27  # Sorts behind every id: by its bytes, and in any language that a database may sort by.
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_lock = threading.Lock()
_last = 0


def now_us() -> int:
    """UTC now, in microseconds since 1970."""
    return time.time_ns() // 1000


def moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1_000_000, tz=UTC)


def rfc3339(at_us: int) -> str:
    """A moment as text, in UTC with all its microseconds: `2026-03-01T09:30:00.000125Z`."""
    seconds, micros = divmod(at_us, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{micros:06d}Z"


def new_id() -> str:
    """A UUIDv7 (RFC 9562 section 5.7) as 26 characters of base32, monotonic within the process.

    The 12 bits after the milliseconds continue the clock below a millisecond (method 3 of section 6.2), so ids
    of one process sort in the order they were made.
    """
    global _last  # noqa: PLW0603  One counter for the process is the point.
    with _lock:
        ticks = time.time_ns() * 4096 // 1_000_000
        _last = ticks = max(ticks, _last + 1)
    millis, fraction = divmod(ticks, 4096)
    number = millis << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return _base32(number)


def go_on_behind(last: str) -> None:
    """Have every id from now on sort behind `last`, one of ours from an earlier process, whatever the clock says."""
    global _last  # noqa: PLW0603
    number = 0
    for character in last:
        number = number << 5 | ALPHABET.index(character)
    ticks = (number >> 80) * 4096 + (number >> 64 & 4095)
    with _lock:
        _last = max(_last, ticks)


def id_from(at_us: int) -> str:
    """What sorts before every id that was made at a moment, or later."""
    return _base32(max(0, at_us) // 1000 << 80)


def random_id() -> str:
    """128 random bits as 26 characters of base32: the id of a vault object, which tells nothing."""
    return _base32(secrets.randbits(128))


def _base32(number: int) -> str:
    """128 bits as 26 characters, the first of which holds three of them."""
    pairs = _PAIRS
    return "".join([pairs[number >> shift & 1023] for shift in range(120, -1, -10)])
