"""One XML document as it stands in the file: token by token, judged by expat, with nothing taken from elsewhere.

A token is a tag, a comment, a processing instruction, a CDATA section, or the text between two of them; the blanks
between two tags belong to the first. They are cut here, because offsets and memory must hold whatever the bytes are,
and handed to the parser of the standard library, which says whether they are well-formed. It is given whole tokens
only, so that it never buffers one that does not end; never a document type, so that there are no entities to expand
and nothing to fetch; and never more elements within each other, or attributes, than `Limits` allow.

Spec: Extensible Markup Language (XML) 1.0, Fifth Edition; Namespaces in XML 1.0.
"""

import re
from bisect import bisect_right
from collections.abc import Generator, Iterator
from itertools import accumulate
from typing import NamedTuple
from xml.parsers import expat

from parsers.findings import Severity
from parsers.limits import Limits
from parsers.markup.syntax import BLANKS, Markup, attributes, local, qualified
from parsers.runs import take_raw
from parsers.segments import Raw, Run
from parsers.source import Source
from parsers.text import decoded

_TRAILING = r"(?:[ \t\r\n]++(?![^<]))?+"
_TAG_BEGUN = r"""<[^<>"'!?][^<>"']*+(?:"[^"<]*+"[^<>"']*+|'[^'<]*+'[^<>"']*+)*+"""
_FORMS = (
    rf"<[^<>\"'!?]++>{_TRAILING}|[^<]++|{_TAG_BEGUN}>{_TRAILING}"
    rf"|<!--.*?-->{_TRAILING}|<!\[CDATA\[.*?\]\]>|<\?.*?\?>{_TRAILING}"
)
_TOKEN = re.compile(rf"{_FORMS}|<.*", re.DOTALL)
"""The last alternative takes all that there is: it has not ended, or is no token at all."""

_WHOLE = re.compile(_FORMS, re.DOTALL)
_BEGUN = re.compile(rf"{_TAG_BEGUN}(?:\"[^\"<]*+|'[^'<]*+)?")
_ENDS = {"<![CDATA[": "]]>", "<!--": "-->", "<?": "?>"}
_DOCTYPE = "<!DOCTYPE"
_DECLARATION = re.compile(
    r"<\?xml[ \t\r\n][^>]{0,200}?\bencoding[ \t\r\n]*=[ \t\r\n]*[\"']([A-Za-z][\w.-]{0,40})[\"']", re.ASCII
)
_EPILOG_BEGINS = re.compile(r"<!--|<\?(?!xml[ \t\r\n])")

_FIRST_CHARACTERS = 2048
_DECLARATION_CHARACTERS = 4096
_MOST_CHARACTERS = 1 << 20
"""What is cut at once: little at first, since many small documents may stand in one file."""

_TAG_CHARACTERS = 256 << 10
"""Names and namespaces are kept as long as their element is open: this bounds them."""

_EPILOG_CHARACTERS = 64 << 10
_SHORTEST_ATTRIBUTE = 5  # ' a=""'

_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "us-ascii",
    "ascii": "us-ascii",
    "latin1": "iso-8859-1",
    "iso-8859-1": "iso-8859-1",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in range(2, 17) if part != 12},
}
"""Encodings in which ASCII is what it is, by the names that Python and expat both know."""

_WIDE = ("utf-16", "ucs-2", "iso-10646-ucs-2")
_UTF8_MARK = b"\xef\xbb\xbf"


class Stretch(NamedTuple):
    """Tokens that stand together: whole, and well-formed so far.

    Attributes:
        depths: how many elements are open before each token, and last behind all of them.
    """

    run: Run
    depths: list[int]
    syntax: Markup


class Flaw(NamedTuple):
    """What is wrong with the document as XML.

    Attributes:
        code: without the standard before it.
        offset: the byte where it stands.
        cut: the file ends there, inside of the document.
    """

    code: str
    message: str
    hint: str
    offset: int
    severity: Severity = "error"
    cut: bool = False


class Document:
    """Attributes:
    whole: its root element has ended.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        """Args:
        source: stands where the document begins, at a "<".
        """
        self.whole = False
        self._source = source
        self._limits = limits
        self._held = max(limits.held_bytes // source.unit, 1)
        self._longest_tag = min(self._held, _TAG_CHARACTERS)
        self._span = _FIRST_CHARACTERS
        self._begun = False  # The root element.
        self._depth = 0
        self._opened: list[str] = []
        self._charset = "utf-8"
        self._judge = expat.ParserCreate()
        self._judged_bytes = 0

    def read(self) -> Iterator[Stretch | Raw | Flaw]:
        """The document up to its end, or up to an error in it: what stands behind is left in the source.

        Returns:
            Stretch and Raw "segment" in the order of the file. An error comes last.
        """
        source = self._source
        yield from self._declaration()
        while not self.whole:
            window = source.ahead(self._span)
            ended = len(window) < self._span
            tokens = _TOKEN.findall(window)
            waits = ""  # Its end, or what the blanks behind it belong to, has not come.
            if tokens and not (ended and _WHOLE.fullmatch(tokens[-1])):
                waits = tokens.pop()
            if tokens and len(tokens[0]) <= self._held:
                flaw = yield from self._take(tokens)
                self._span = min(self._span * 2, _MOST_CHARACTERS)
            else:
                flaw = yield from self._alone(tokens[0] if tokens else waits, ended=ended)
            if flaw is not None:
                yield flaw
                return
        if epilog := _epilog(source.ahead(_EPILOG_CHARACTERS)):
            tokens = _TOKEN.findall(epilog)
            starts = list(accumulate(map(len, tokens), initial=0))
            yield self._stretch([token.rstrip(BLANKS) for token in tokens], starts, [0] * len(starts))

    def _declaration(self) -> Iterator[Flaw]:
        """Find out the encoding: what the bytes say for themselves stands above what is declared."""
        source = self._source
        offset = source.offset(source.at)
        found = _DECLARATION.match(source.ahead(_DECLARATION_CHARACTERS))
        declared = found[1].lower() if found else ""
        wide = declared.startswith(_WIDE)
        self._charset = _CODECS.get(declared, "utf-8")
        mismatch = wide
        if source.unit == 2:
            self._judge = expat.ParserCreate("UTF-16LE" if source.encode("<") == b"<\0" else "UTF-16BE", " ")
            mismatch = bool(declared) and not wide
        else:
            if offset == len(_UTF8_MARK) and source.head.startswith(_UTF8_MARK) and self._charset != "utf-8":
                mismatch, self._charset = True, "utf-8"
            self._judge = expat.ParserCreate(self._charset, " ")
        if mismatch:
            yield Flaw(
                "encoding-mismatch",
                "The XML declaration names another encoding than the file is in; the file was read as it is.",
                "Name the encoding that the file is sent in.",
                offset,
                "warning",
            )
        elif declared and not wide and declared not in _CODECS:
            yield Flaw(
                "encoding-unknown",
                "The XML declaration names an encoding that is not read here; the file was read as UTF-8.",
                "Send UTF-8.",
                offset,
                "warning",
            )

    # --- many tokens ---

    def _take(self, tokens: list[str]) -> Generator[Stretch, None, Flaw | None]:
        """Hand out as many of these as are allowed and well-formed."""
        texts = [token.rstrip(BLANKS) if token[0] == "<" else token for token in tokens]
        steps = [
            0 if text[0] != "<" or text[1] in "!?" else -1 if text[1] == "/" else text[-2] != "/" for text in texts
        ]
        depths = list(accumulate(steps, initial=self._depth))
        starts = list(accumulate(map(len, tokens), initial=0))
        stop, flaw = self._allowed(texts, starts, depths, self._root_ends(texts, depths))
        stop, flaw = self._judged(starts, stop, flaw)
        del texts[stop:], starts[stop + 1 :], depths[stop + 1 :]
        if texts:
            self._begun = self._begun or any(map(_is_tag, texts))
            yield self._stretch(texts, starts, depths)
        self.whole = self._begun and not self._depth and flaw is None
        return flaw

    def _stretch(self, texts: list[str], starts: list[int], depths: list[int]) -> Stretch:
        """Take tokens from the source."""
        source = self._source
        text = source.held[source.at : source.at + starts[-1]]
        run = Run(source, text, texts, width=0, starts=starts)
        source.at += len(text)
        syntax = Markup(self._charset, run, tuple(self._opened))
        self._depth = depths[-1]
        self._follow(texts, depths)
        return Stretch(run, depths, syntax)

    def _follow(self, texts: list[str], depths: list[int]) -> None:
        """Know which elements are open behind these tokens: of each depth, the last that went beyond it."""
        lowest = min(depths)
        del self._opened[lowest:]
        backwards = depths[::-1]
        for depth in range(lowest, depths[-1]):
            tag = texts[len(texts) - backwards.index(depth)]
            name = local(qualified(tag))
            self._opened.append(name if self._source.unit == 2 else decoded(name, self._charset))

    def _root_ends(self, texts: list[str], depths: list[int]) -> int:
        """The index behind the token that ends the root element, else behind the last."""
        first = 0 if self._begun else next((at for at, text in enumerate(texts) if _is_tag(text)), len(texts))
        try:
            return depths.index(0, first + 1)
        except ValueError:
            return len(texts)

    # --- what is not allowed ---

    def _allowed(self, texts: list[str], starts: list[int], depths: list[int], stop: int) -> tuple[int, Flaw | None]:
        """The index of the first token that is not, and what is wrong with it if it is not only too long to hold."""
        limits, flaw = self._limits, None
        if max(depths) > limits.nesting:
            deep = next(at for at, depth in enumerate(depths) if depth > limits.nesting) - 1
            if deep < stop:
                stop = deep
                flaw = self._flaw(
                    "nesting-too-deep",
                    f"Elements stand more than {limits.nesting} deep within each other; the rest was not read.",
                    "Close each element where it ends.",
                    starts[deep],
                )
        long = min(limits.attributes * _SHORTEST_ATTRIBUTE, self._longest_tag)
        if max(map(len, texts)) <= long:
            return stop, flaw
        for at in (at for at, text in enumerate(texts[:stop]) if len(text) > long):
            if _is_tag(texts[at]):
                if crowded := self._crowded(texts[at], starts[at]):
                    return at, crowded
            elif len(texts[at]) > self._held:
                return at, None
        return stop, flaw

    def _crowded(self, tag: str, index: int) -> Flaw | None:
        """A tag of a size that nobody meant."""
        if len(tag) > self._longest_tag:
            return self._flaw(
                "tag-too-long",
                f"A tag is longer than {self._longest_tag} characters; the rest was not read.",
                'End each tag with ">", and send long content as text.',
                index,
            )
        if len(attributes(tag)) > self._limits.attributes:
            return self._flaw(
                "too-many-attributes",
                f"An element has more than {self._limits.attributes} attributes; the rest was not read.",
                "Send what is repeated as elements.",
                index,
            )
        return None

    def _judged(self, starts: list[int], stop: int, flaw: Flaw | None) -> tuple[int, Flaw | None]:
        """As far as expat finds them well-formed."""
        source = self._source
        fault = self._fault(source.held[source.at : source.at + starts[stop]])
        if fault is None:
            return stop, flaw
        return min(bisect_right(starts, fault[0]) - 1, stop), self._ill_formed(*fault)

    def _fault(self, text: str) -> tuple[int, str] | None:
        """The index at which this goes on as no well-formed document does, and why."""
        judge, data = self._judge, self._source.encode(text)
        try:
            judge.Parse(data, False)
        except expat.ExpatError as error:
            at = max(judge.ErrorByteIndex - self._judged_bytes, 0)
            decodes = self._source.unit == 2 or _decodes(data[at : at + 4], self._charset)
            return at // self._source.unit, expat.ErrorString(error.code) if decodes else _ENCODING
        self._judged_bytes += len(data)
        return None

    def _ill_formed(self, index: int, reason: str) -> Flaw:
        if reason == _ENCODING:
            return self._flaw(
                "encoding-mismatch",
                "A byte is no character of the encoding that the document is in; the rest was not read.",
                "Name in the XML declaration the encoding that the file is sent in: without one it is UTF-8.",
                index,
            )
        return self._flaw(
            "ill-formed",
            f"The document is not well-formed XML ({reason}); the rest was not read.",
            "Write the file with a program that writes XML.",
            index,
        )

    def _flaw(self, code: str, message: str, hint: str, index: int) -> Flaw:
        return Flaw(code, message, hint, self._source.offset(self._source.at + index))

    # --- one token ---

    def _alone(self, token: str, *, ended: bool) -> Generator[Stretch | Raw | Flaw, None, Flaw | None]:
        """The token that begins here, because its end has not been seen or because it is too long to hold.

        Args:
            ended: the file ends with it.
        """
        opening = next((mark for mark in _ENDS if mark.startswith(token[: len(mark)])), None)
        whole = _WHOLE.fullmatch(token) is not None
        if opening is None and not whole and not _BEGUN.fullmatch(token):
            return self._no_token(token)
        is_tag = opening is None and token[0] == "<"
        if is_tag and (crowded := self._crowded(token.rstrip(BLANKS) if whole else token, 0)):
            return crowded
        if len(token) > self._held:
            return (yield from self._take([token]) if is_tag else self._long(opening))
        if ended:
            return self._cut_off()
        self._span *= 2
        return None

    def _no_token(self, token: str) -> Flaw:
        if token.startswith(_DOCTYPE):
            return self._flaw(
                "doctype",
                "The document has a document type declaration; such are not read, nor is what follows.",
                "Send the document without DOCTYPE and entities.",
                0,
            )
        return self._cut_off() if _DOCTYPE.startswith(token) else self._ill_formed(0, "invalid token")

    def _long(self, opening: str | None) -> Generator[Raw | Flaw, None, Flaw | None]:
        """Text, or what `opening` opens, in parts as they come. Comments need no judge."""
        source = self._source
        what = "comment" if opening in {"<!--", "<?"} else "text"
        yield self._flaw(
            f"{what}-too-long",
            f"A {what} is longer than {self._held * source.unit} bytes; it is handed out in parts.",
            "Send large documents beside the message and refer to them.",
            0,
        )._replace(severity="warning")
        end = _ENDS[opening] if opening else "<"
        known, last = len(opening or ""), False
        self._span = _MOST_CHARACTERS
        while not last:
            found = source.held.find(end, source.at + known)
            last = found >= 0
            stop = found + len(end) * bool(opening) if last else len(source.held) - len(end) + 1
            if what == "text" and (fault := self._fault(source.held[source.at : stop])):
                return self._ill_formed(*fault)
            yield take_raw(source, stop - source.at, "segment", last=last)
            known = 0
            if not last and not source.more():
                return self._cut_off()
        return None

    def _cut_off(self) -> Flaw:
        source = self._source
        return Flaw(
            "cut-off",
            f"The file ends inside of the document: {self._depth or 'no'} elements are open.",
            "Send the whole file again.",
            source.offset(len(source.held)),
            cut=True,
        )


_ENCODING = "encoding"
_BLANK = frozenset(BLANKS)


def _epilog(text: str) -> str:
    """The comments and instructions that this begins with, and the blanks behind them."""
    stop = 0
    while begun := _EPILOG_BEGINS.match(text, stop):
        end = _ENDS[begun[0]]
        found = text.find(end, begun.end())
        if found < 0:
            break
        stop = found + len(end)
        while text[stop : stop + 1] in _BLANK:
            stop += 1
    return text[:stop]


def _is_tag(text: str) -> bool:
    return text[0] == "<" and text[1:2] not in {"!", "?"}


def _decodes(data: bytes, charset: str) -> bool:
    """The first character does."""
    for length in range(1, len(data) + 1):
        try:
            data[:length].decode(charset)
        except UnicodeDecodeError:
            continue
        return True
    return False
