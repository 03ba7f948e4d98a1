"""Cutting text at its terminators: as much at a time as has come in, so that the work is done in C.

A terminator's segment reaches to where the next one begins: the line breaks and blanks behind a terminator belong to
the segment before it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Literal, Protocol

from parsers.limits import Limits
from parsers.segments import INNER_BLANKS, Raw, Run
from parsers.source import Source

INDENTS = frozenset({" ", "\t"})
"""What may stand before a segment on its line."""


class Cutter(Protocol):
    """How segments end."""

    blanks: re.Pattern[str]
    """What may stand between a terminator and the next segment; it matches nothing, too."""

    def end(self, text: str, start: int) -> int:
        """The index behind the first terminator at or behind `start`, 0 when there is none."""

    def last_end(self, text: str, start: int) -> int:
        """The index behind a later terminator, the last one or one before it; 0 when there is none behind `start`."""

    def cut(self, source: Source, text: str) -> Run:
        """Split a text that ends with a terminator and the blanks behind it."""


FIRST_CHARACTERS = 2 << 10
"""Little is cut at first, then more and more: of many small interchanges nothing is cut over and over."""


class Terminator:
    """Segments end with these characters, always.

    Args:
        release: the character that takes a terminator's meaning away ("?" in EDIFACT), where the standard has one.
    """

    def __init__(self, characters: str, release: str | None = None) -> None:
        self.characters = characters
        self.release = release
        between = "".join(blank for blank in INNER_BLANKS if blank not in characters)
        self.blanks = re.compile(f"[{between}]*")
        self._line_breaks = [blank for blank in "\r\n" if blank not in characters]
        self._trailing = " \t\r\n" if characters in "\r\n" else "\r\n"
        self._reach = FIRST_CHARACTERS

    def end(self, text: str, start: int) -> int:
        found = text.find(self.characters, start)
        while found >= 0 and self._released(text, found, start):
            found = text.find(self.characters, found + 1)
        return found + len(self.characters) if found >= 0 else 0

    def last_end(self, text: str, start: int) -> int:
        found, stop = -1, start
        while found < 0 and stop < len(text):
            stop = min(start + self._reach, len(text))
            self._reach *= 2
            found = text.rfind(self.characters, start, stop)
            while found >= 0 and self._released(text, found, start):
                found = text.rfind(self.characters, start, found)
        return found + len(self.characters) if found >= 0 else 0

    def _released(self, text: str, at: int, start: int) -> bool:
        release = self.release
        if release is None or at == start or text[at - 1] != release:
            return False
        first = at
        while first > start and text[first - 1] == release:
            first -= 1
        return (at - first) % 2 == 1

    def cut(self, source: Source, text: str) -> Run:
        aside, mark = self._aside(text)
        ending = self._uniform_ending(aside)
        if ending is not None:
            split = partial(self._split, aside, ending, mark)
            return Run(source, text, split, width=len(ending), plain=aside, ending=ending)
        run = Run(source, text, self._split(aside, self.characters, mark), width=len(self.characters))
        run.strip()
        if any(line_break in text for line_break in self._line_breaks):
            run.join_broken(self._trailing)
        return run

    def _uniform_ending(self, text: str) -> str | None:
        """The terminator and the line break behind it, when all segments end alike and have no line break inside."""
        first = text.find(self.characters)
        behind = text[first + len(self.characters) : first + len(self.characters) + 2]
        line_break = "\r\n" if behind == "\r\n" else behind[:1] if behind[:1] in "\r\n" else ""
        ending = self.characters + line_break
        if line_break and (not text.endswith(ending) or text.count(ending) != text.count(self.characters)):
            return None
        for blank in self._line_breaks:
            if blank in text and (blank not in line_break or text.count(blank) != text.count(ending)):
                return None
        return ending

    def _aside(self, text: str) -> tuple[str, str]:
        """The text with released terminators out of the way.

        Returns:
            Also the mark that stands for each of their characters; none where nothing is released.
        """
        release, characters = self.release, self.characters
        if release is None or release + characters not in text:
            return text, ""
        mark = next(mark for mark in _MARKS if mark not in text)
        made: list[str] = []
        done, at = 0, text.find(release)
        while at >= 0:
            if text.startswith(characters, at + 1):
                made += (text[done : at + 1], mark * len(characters))
                done = at + 1 + len(characters)
            at = text.find(release, at + 2)
        return "".join([*made, text[done:]]), mark if made else ""

    def _split(self, text: str, ending: str, mark: str) -> list[str]:
        texts = text.split(ending)
        if mark:
            last, at = -1, 0
            for piece in text.split(mark)[:-1]:
                at += piece.count(ending)
                if at != last:
                    texts[at], last = texts[at].replace(mark * len(self.characters), self.characters), at
        texts.pop()
        return texts


_MARKS = ("\x80", "\ufdd0", "\U0010ffff")
"""The first that a text does not hold; it never holds the last, because no character of a window is so high."""


class Lines:
    """Segments end with a line break of any kind, blank lines are none; a file may mix them.

    Args:
        ends: the characters that end a line.
        blank: lines of nothing but these are blank, too.
    """

    def __init__(self, ends: str = "\r\n", blank: str = "") -> None:
        self._ends = ends
        self._all_alike = str.maketrans(dict.fromkeys(ends[1:], ends[0]))
        self.blanks = re.compile(f"(?:[{blank}]*+[{ends}])*+" if blank else f"[{ends}]*")
        self._end = re.compile(f"[{ends}]")
        self._reach = FIRST_CHARACTERS

    def end(self, text: str, start: int) -> int:
        found = self._end.search(text, start)
        return found.end() if found else 0

    def last_end(self, text: str, start: int) -> int:
        found, stop = -1, start
        while found < 0 and stop < len(text):
            stop = min(start + self._reach, len(text))
            self._reach *= 2
            found = max(text.rfind(end, start, stop) for end in self._ends)
        return found + 1

    def cut(self, source: Source, text: str) -> Run:
        present = [end for end in self._ends if end in text]
        if len(present) == 1:
            texts, width = text.split(present[0]), 1
        elif set(present) == {"\r", "\n"} and text.count("\r\n") == text.count("\n") == text.count("\r"):
            texts, width = text.split("\r\n"), 2
        else:
            texts, width = text.translate(self._all_alike).split(self._ends[0]), 1
        texts.pop()
        run = Run(source, text, texts, width=width)
        if "" in texts:
            run.drop_empty()
        return run


def marked(run: Run, tags: frozenset[str], initials: frozenset[str]) -> list[int]:
    """The index of each segment whose first three characters are among `tags`; blanks before segments are stripped.

    Args:
        initials: the first characters of `tags` and INDENTS, since one character is looked up fastest.
    """
    if run.ending is not None:
        found = _found(run, _pattern(run.ending, tags), run.ending)
        if found is not None:
            return found
    texts = run.texts
    found = [at for at, text in enumerate(texts) if text[:1] in initials and (text[:3] in tags or text[:1] in INDENTS)]
    if any(texts[at][:1] in INDENTS for at in found):
        run.strip()
        return [at for at, text in enumerate(run.texts) if text[:3] in tags]
    return found


def _found(run: Run, pattern: re.Pattern[str], ending: str) -> list[int] | None:
    """The same by one search through the text, which is faster where segments are short, as in X12 and EDIFACT.

    Returns:
        None when segments stand indented or empty.
    """
    text, width = run.plain, len(ending)
    index, counted, found = 0, 0, []
    if pattern.match(ending + text[:3] + ending):
        found.append(0)
        run.know(0, 0)
    for match in pattern.finditer(text):
        start = match.start() + width
        if start == len(text):
            break
        if text[start] in INDENTS or text.startswith(ending, start):
            return None
        index += text.count(ending, counted, start)
        counted = start
        found.append(index)
        run.know(index, start)
    if text[:1] in INDENTS or text.startswith(ending):
        return None
    return found


@lru_cache(maxsize=64)
def _pattern(ending: str, tags: frozenset[str]) -> re.Pattern[str]:
    end = re.escape(ending)
    shown = [re.escape(tag) if len(tag) == 3 else f"{re.escape(tag)}(?={end})" for tag in tags if tag]
    first = re.escape("".join({tag[:1] for tag in tags} | INDENTS) + ending[0])
    return re.compile(f"{end}(?=[{first}])(?:{'|'.join(sorted(shown))}|(?={end})|[{''.join(INDENTS)}])")


_BLANKS_MAX = 4096
_END_CHARACTERS = 8
"""No terminator is longer."""


def runs(source: Source, cutter: Cutter, limits: Limits) -> Iterator[Run | Raw]:
    """All whole segments from where the source stands, in order.

    Each Run and Raw has been taken from the source when it is handed out: set `source.at` back to begin again at one
    of its segments, as long as nothing more was asked for. What has no terminator when the file ends is left.

    Returns:
        Raw "segment" for each part of a segment longer than `limits.held_bytes`; Raw "blank" for blanks that stand
        before a run.
    """
    held = max(limits.held_bytes // source.unit, 2 * _END_CHARACTERS)
    while True:
        stop = cutter.last_end(source.held, source.at)
        while not stop:
            if len(source.held) - source.at > held:
                yield from _long_segment(source, cutter)
                break
            if not source.more():
                return
            stop = cutter.last_end(source.held, source.at)
        else:
            yield from _run(source, cutter, stop)


def _run(source: Source, cutter: Cutter, stop: int) -> Iterator[Run | Raw]:
    length = stop - source.at
    source.ahead(length + 2)  # The line break behind the last terminator, and what is indented behind it.
    stop = _past_blanks(cutter, source.held, source.at + length)
    while stop == len(source.held) and stop - source.at < length + _BLANKS_MAX and source.more():
        stop = _past_blanks(cutter, source.held, source.at + length)
    begin = _past_blanks(cutter, source.held, source.at)
    if begin > source.at:
        yield take_raw(source, begin - source.at, "blank")
    if begin < stop:
        run = cutter.cut(source, source.held[begin:stop])
        source.at = stop
        yield run


def _past_blanks(cutter: Cutter, text: str, at: int) -> int:
    found = cutter.blanks.match(text, at)
    return found.end() if found else at


def _long_segment(source: Source, cutter: Cutter) -> Iterator[Raw]:
    """Hand out the segment that begins here in parts, up to its terminator."""
    while True:
        seen = source.size_bytes
        stop = cutter.end(source.held, source.at)
        if stop:
            yield take_raw(source, stop - source.at, "segment")
            return
        length = len(source.held) - source.at - _END_CHARACTERS  # A terminator may have come by half.
        release = getattr(cutter, "release", None)
        if release and length > 0:  # Release characters stay together with what they release.
            part = source.held[source.at : source.at + length]
            length -= (len(part) - len(part.rstrip(release))) % 2
        if length > 0:
            yield take_raw(source, length, "segment", last=False)
        if source.size_bytes == seen and not source.more():  # Whoever took the part may have looked ahead.
            return


RawKind = Literal["blank", "gap", "segment", "binary", "cut"]


def take_raw(source: Source, length: int, kind: RawKind, *, last: bool = True) -> Raw:
    """Take so many characters of the window as they are."""
    raw = Raw(source, source.held[source.at : source.at + length], kind, last=last)
    source.at += length
    return raw
