"""How much a door takes: connections of strangers, and what a partner may send in a day. No I/O; time is given."""

import ipaddress
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

from mft.errors import QuotaExceeded

_SOURCES_MAX: Final = 10_000  # Whose rate is remembered.
_DAY_HOURS: Final = 24


class Admission:
    """Who may begin a connection. Until it has logged in, a stranger costs us key exchanges and memory.

    Sources are addresses; of IPv6 the /64, which is one subscriber.
    """

    def __init__(
        self,
        *,
        unproven_max: int,
        unproven_per_source_max: int,
        arrivals_per_second_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unproven_max = unproven_max
        self._per_source_max = unproven_per_source_max
        self._rate = arrivals_per_second_max
        self._clock = clock
        self._unproven: Counter[str] = Counter()
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()  # Source → tokens left, and when.

    def arrive(self, address: str) -> bool:
        """Whether a connection from this address may go on; if so, it counts until `proven` or `leave`."""
        source = _source(address)
        if not self._has_token(source):
            return False
        if self._unproven.total() >= self._unproven_max or self._unproven[source] >= self._per_source_max:
            return False
        self._unproven[source] += 1
        return True

    def _has_token(self, source: str) -> bool:
        now = self._clock()
        tokens, then = self._tokens.pop(source, (float(self._rate), now))
        tokens = min(self._rate, tokens + (now - then) * self._rate)
        self._tokens[source] = (max(tokens - 1, 0) if tokens >= 1 else tokens, now)
        if len(self._tokens) > _SOURCES_MAX:
            self._tokens.popitem(last=False)
        return tokens >= 1

    def proven(self, address: str) -> None:
        """It has logged in."""
        self._forget(_source(address))

    def leave(self, address: str, *, proven: bool) -> None:
        if not proven:
            self._forget(_source(address))

    def _forget(self, source: str) -> None:
        self._unproven[source] -= 1
        if self._unproven[source] <= 0:
            del self._unproven[source]


def _source(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)


class Intake:
    """What one partner has sent in the last 24 hours, by the hour: files as they are begun, bytes as they come."""

    def __init__(self, *, files: int = 0, size_bytes: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with what came before; it counts for a day from now."""
        self._clock = clock
        self._hours: dict[int, list[int]] = {self._hour(): [files, size_bytes]}
        self._bytes_max = self._bytes_left = 0

    def _hour(self) -> int:
        return int(self._clock() // 3600)

    def begin(self, *, files_max: int, bytes_max: int) -> None:
        """One more upload. Raises QuotaExceeded: no more, or no byte more, are agreed for a day."""
        now = self._hour()
        self._hours = {hour: sent for hour, sent in self._hours.items() if hour > now - _DAY_HOURS}
        files = sum(sent[0] for sent in self._hours.values())
        self._bytes_max = bytes_max
        self._bytes_left = bytes_max - sum(sent[1] for sent in self._hours.values())
        if files >= files_max:
            raise QuotaExceeded(f"{files:,} uploads were begun in 24 hours, and {files_max:,} are agreed: try later")
        if self._bytes_left <= 0:
            raise self._full()
        self._sent()[0] += 1

    def take(self, size_bytes: int) -> None:
        """Bytes have come. Raises QuotaExceeded: more than are agreed for a day."""
        self._sent()[1] += size_bytes
        self._bytes_left -= size_bytes
        if self._bytes_left < 0:
            raise self._full()

    def _sent(self) -> list[int]:
        return self._hours.setdefault(self._hour(), [0, 0])

    def _full(self) -> QuotaExceeded:
        return QuotaExceeded(f"{self._bytes_max >> 30:,} GiB were sent in 24 hours, and no more are agreed: try later")
