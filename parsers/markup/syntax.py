"""What stands in a tag, in text and in a comment. A segment of XML is one of them."""

import re
from bisect import bisect_left

from parsers.segments import Element, Run
from parsers.text import decoded

BLANKS = " \t\r\n"
"""White space, as XML has it: no other character is."""

_NAME = re.compile(r"</?([^ \t\r\n/>]+)")
_ATTRIBUTE = re.compile(r"""[ \t\r\n]([^ \t\r\n=<>/"']++)[ \t\r\n]*+=[ \t\r\n]*+(?:"([^"]*+)"|'([^']*+)')""")
_REFERENCE = re.compile(r"&(?:#0*([0-9]{1,7})|#x0*([0-9A-Fa-f]{1,6})|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_LINE_BREAKS = str.maketrans("\t\r\n", "   ")

COMMENT = "#comment"
CDATA = "#cdata-section"
TEXT = "#text"
"""What is no tag, by the names that the Document Object Model has for it."""

_CDATA_OPENS, _COMMENT_OPENS = "<![CDATA[", "<!--"


def qualified(tag: str) -> str:
    """The name in a start or end tag as sent: "head:AppHdr"."""
    found = _NAME.match(tag)
    return found[1] if found else ""


def local(name: str) -> str:
    """A name without its prefix."""
    return name.rpartition(":")[2]


def attributes(tag: str) -> list[tuple[str, str, int]]:
    """The attributes of a start tag: name and value as sent, and the index of the value."""
    return [
        (found[1], found[2] if found[2] is not None else found[3], found.start(2 if found[2] is not None else 3))
        for found in _ATTRIBUTE.finditer(tag)
    ]


def resolved(text: str) -> str:
    """The text with its references resolved: the five that XML has, and those to characters."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    decimal, hexadecimal, named = found.groups()
    if named:
        return _NAMED[named]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else found[0]


class Markup:
    """The syntax of a run of tokens, that knows in which elements they stand.

    Attributes:
        charset: what the document declares, or UTF-8.
    """

    resolves = True
    """Elements are decoded here, since a reference may name a character that the encoding lacks."""

    def __init__(self, charset: str = "utf-8", run: Run | None = None, opened: tuple[str, ...] = ()) -> None:
        self.charset = charset
        self._run = run
        self._opened = opened
        self._at = 0
        self._inside = list(opened)

    def tag(self, segment: str) -> str:
        """Of a start tag "GrpHdr", of an end tag "/GrpHdr", of the declaration "?xml"; of others as in the DOM."""
        if segment[:1] != "<":
            return TEXT
        if segment.startswith("</"):
            return f"/{self._local(segment)}"
        if segment.startswith("<?"):
            return "?" + re.split(r"[ \t\r\n?]", segment[2:], maxsplit=1)[0]
        if segment.startswith("<!"):
            return COMMENT if segment.startswith(_COMMENT_OPENS) else CDATA
        return self._local(segment)

    def path(self, offset: int) -> str:
        """The elements around the segment that begins at this byte: "/Document/CstmrCdtTrfInitn/GrpHdr"."""
        return "".join(f"/{name}" for name in self._stack(offset))

    def elements(self, segment: str, offset: int, unit: int) -> list[Element]:
        """The attributes of a start tag, or the text that stands in an element; each named by the way in.

        "/Document/CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf/Amt/InstdAmt" is a text, with "/@Ccy" behind it an attribute.
        """
        tag = self.tag(segment)
        if tag[0] == "/":
            return []
        if tag == TEXT:
            text = resolved(_lines(self._characters(segment, unit)))
            return [Element(name=self.path(offset), position=1, offset=offset, text=text)]
        if tag == CDATA:
            skip = len(_CDATA_OPENS)
            text = _lines(self._characters(segment[skip:-3], unit))
            return [Element(name=self.path(offset), position=1, offset=offset + unit * skip, text=text)]
        if tag == COMMENT or tag[0] == "?":
            skip = len(_COMMENT_OPENS) if tag == COMMENT else 1 + len(tag)
            text = self._characters(segment[skip : -3 if tag == COMMENT else -2], unit).strip(BLANKS)
            return [Element(name=tag, position=1, offset=offset + unit * skip, text=text)]
        path = f"{self.path(offset)}/{tag}"
        return [
            Element(
                name=f"{path}/@{self._characters(name, unit)}",
                position=position,
                offset=offset + unit * start,
                text=resolved(self._characters(value, unit).translate(_LINE_BREAKS)),
            )
            for position, (name, value, start) in enumerate(attributes(segment), 1)
        ]

    def _stack(self, offset: int) -> list[str]:
        """Asked in the order of the file, each tag is looked at once."""
        run = self._run
        if run is None:
            return self._inside
        index = bisect_left(run.starts, (offset - run.offset) // run.unit)
        if index < self._at:
            self._at, self._inside = 0, list(self._opened)
        for text in run.texts[self._at : index]:
            if text[0] != "<" or text[1] in "!?":
                continue
            if text[1] == "/":
                if self._inside:
                    self._inside.pop()
            elif text[-2] != "/":
                self._inside.append(self._local(text))
        self._at = index
        return self._inside

    def _local(self, tag: str) -> str:
        return self._characters(local(qualified(tag)), self._run.unit if self._run else 1)

    def _characters(self, text: str, unit: int) -> str:
        if unit == 1:
            return decoded(text, self.charset)
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _lines(text: str) -> str:
    """Line breaks as XML hands them on. Spec: XML 1.0 section 2.11."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
