"""What was made of a text, for when it comes again."""

from collections.abc import Mapping
from typing import Any, Final

CACHED_MAX: Final = 1024
"""Days, codes and the like that are kept because they come again."""

SEEN_MAX: Final = 256
"""Texts of which it is known that they have come once."""

WORTH_KEEPING: Final = 8
IDLE: Final = 4096
"""Where fewer than that come again, nothing is kept for so many texts."""

CACHED_CHARACTERS: Final = 200
"""A text that is longer is no such thing."""


class Words(dict[str, Any]):
    """For codes; others are their own, with the standard that they are of."""

    def __init__(self, words: Mapping[str, str | bool], standard: str) -> None:
        super().__init__(words)
        self._standard = standard

    def __missing__(self, code: str) -> str:
        return f"{self._standard}:{code}"


class Known(dict[Any, Any]):
    """What was made of a text, or of several, for when it comes again. Nobody changes what it has given.

    Only what has come twice is kept: most names and numbers come once, and to hold them all would take the memory that
    is near.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[Any] = set()
        self._idle = 0

    def keep(self, key: str, made: Any) -> Any:
        if self._idle:
            self._idle -= 1
            return made
        seen = self._seen
        if key in seen:
            if len(self) >= CACHED_MAX:
                self.clear()
            self[key] = made
        elif len(key) <= CACHED_CHARACTERS:
            if len(seen) >= SEEN_MAX:
                seen.clear()
                if len(self) < WORTH_KEEPING:
                    self._idle = IDLE
            seen.add(key)
        return made

    def keep_of(self, key: tuple[str, ...], made: Any) -> Any:
        """Of several texts."""
        return self.keep(key, made) if max(map(len, key)) <= CACHED_CHARACTERS else made  # type: ignore[arg-type]  # Keys are texts.
