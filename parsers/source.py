"""A file as text through a window: a character stands for a byte, so that offsets hold whatever the encoding.

UTF-16 and EBCDIC are told by the first bytes: there a character of the text is one of the file (two bytes each in
UTF-16, where one beyond the first plane is two characters). In all other files the text is latin-1 of the bytes, and
the characters that the sender meant come out of `parsers.text.decoded`.
"""

import re
from collections.abc import Iterable, Iterator

PIECE_BYTES = 1 << 17
"""Chunks of any size in, pieces of this size out, so that where a feed was cut changes nothing. Large enough that
splitting runs in C, small enough that what it leaves stays in the cache."""

EBCDIC = frozenset({"cp037", "cp273", "cp500", "cp1026", "cp1140"})
"""Code pages of EBCDIC, of which each byte is one character, both ways."""

BLANKS = " \t\r\n\f\v\x00\x1a"
_BLANK_RUN = re.compile(f"[{BLANKS}\ufeff]*")
_NEW_LINES = {0x85: "\n", 0x0A: "\x85"}
"""EBCDIC has two line breaks, NL (0x15) and LF (0x25). The one that a file has is a line feed here."""

_EITHER = re.compile("[\x85\n]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class Source:
    """Attributes:
    held: the window.
    at: index of the first character that nobody has taken.
    unit: bytes for each character: 1, in UTF-16 2.
    means_characters: the text is what the sender meant already, not bytes to decode.
    size_bytes: how much of the file has come in.
    half: the first byte of a UTF-16 character whose second has not come.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._rest = _pieces(chunks)
        self._first: bytes | None = next(self._rest, b"")
        self.head = self._first or b""
        self.held = ""
        self.at = 0
        self.unit = 1
        self.means_characters = False
        self.size_bytes = 0
        self.half = b""
        self._codec = "latin-1"
        self._swaps: bool | None = None  # Not known before the first line break.
        self._base = 0

    def decode_as(self, encoding: str | None) -> None:
        """Say once, before the first character is taken, what `identify` found out, or which EBCDIC it is."""
        self.means_characters = encoding in {"utf-16-le", "utf-16-be", "ebcdic"} | EBCDIC
        if encoding in {"utf-16-le", "utf-16-be"}:
            self._codec, self.unit = encoding, 2
        elif encoding == "ebcdic":
            self._codec = "cp037"
        elif encoding in EBCDIC:
            self._codec = encoding

    def more(self) -> bool:
        """Bring in the next piece and let go of what has been taken, so that `at` becomes 0. False: the file ends."""
        piece = self._first if self._first is not None else next(self._rest, None)
        self._first = None
        if not piece:
            return False
        self.size_bytes += len(piece)
        self._base += self.at * self.unit
        self.held = self.held[self.at :] + self._text(piece)
        self.at = 0
        return True

    def ahead(self, characters: int) -> str:
        """What comes next: so many characters, fewer only where the file ends."""
        while len(self.held) - self.at < characters and self.more():
            pass
        return self.held[self.at : self.at + characters]

    def take_blanks(self) -> bool:
        """Pass over blanks and byte order marks in the window; False when there is something else, or the end."""
        begin = self.offset(self.at)
        self.at = _BLANK_RUN.match(self.held, self.at).end()  # type: ignore[union-attr]  # It matches nothing, too.
        if self.held.startswith("\xef", self.at) and self.ahead(3) == "\xef\xbb\xbf":  # A piece may end within one.
            self.at += 3
        return self.offset(self.at) > begin

    def offset(self, index: int) -> int:
        """The byte at which the character at `index` of the window begins."""
        return self._base + index * self.unit

    def go_back(self, offset: int) -> None:
        """Stand at this byte again; the window still holds it, unless more was asked for from further on."""
        self.at = (offset - self._base) // self.unit

    @property
    def ended(self) -> bool:
        """Nothing is left, neither in the window nor in the file."""
        while self.at == len(self.held):  # A piece may hold but half of a character.
            if not self.more():
                return True
        return False

    def encode(self, text: str) -> bytes:
        """Back to the very bytes that the text was read from."""
        if self.unit == 1:
            return (text.translate(_NEW_LINES) if self._swaps else text).encode(self._codec)
        return text.encode(self._codec, "surrogatepass")

    def _text(self, piece: bytes) -> str:
        if self.unit == 1:
            text = piece.decode(self._codec)
            if self._swaps is None and self._codec in EBCDIC and (first := _EITHER.search(text)):
                self._swaps = first[0] == "\x85"
            return text.translate(_NEW_LINES) if self._swaps else text
        piece = self.half + piece
        self.half = piece[len(piece) & ~1 :]
        piece = piece[: len(piece) & ~1]
        text = piece.decode(self._codec, "surrogatepass")
        return _ASTRAL.sub(lambda found: _halves(found[0]), text) if _ASTRAL.search(text) else text


def _halves(character: str) -> str:
    high, low = divmod(ord(character) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if not held and len(rest) >= PIECE_BYTES:
                yield bytes(rest[:PIECE_BYTES])
                rest = rest[PIECE_BYTES:]
                continue
            room = PIECE_BYTES - len(held)
            held += rest[:room]
            rest = rest[room:]
            if len(held) == PIECE_BYTES:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)
