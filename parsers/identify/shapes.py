"""What is no standard's: by a start that cannot be missed, or by its shape."""

import re

from parsers.events import Standard
from parsers.source import BLANKS

_PDF = re.compile(r"%PDF-\d\.\d|[^%]{1,1024}?[\r\n]%PDF-\d\.\d[\r\n]+%|%-12345X.{0,1024}?\n%PDF-\d", re.DOTALL)
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALAR = rf"(?:{_STRING}|-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?|true|false|null)"
_JSON = re.compile(
    rf"[\[\s]*+(?:\{{\s*+(?:\}}|{_STRING}\s*+:|\Z)|{_SCALAR}\s*+(?:,\s*+(?:[\[{{]|{_SCALAR}\s*+[,\]])|\]))", re.DOTALL
)
_EMPTY_ARRAY = re.compile(r"\[\s*+\]\s*+\Z")
_JSON_END = re.compile(r"[\]\s,]*+(?:[\[{]|\Z)")


def is_pdf(body: str) -> bool:
    """A reader of PDFs passes over a little junk before the header, and printers put some there."""
    return _PDF.match(body) is not None


def is_json(body: str) -> bool:
    """An object or an array begins, or a line for each; not a mere bracket, as of a log's or a footnote's."""
    if not body.startswith(("{", "[")):
        return False
    start = _JSON.match(body)
    if start is None:
        return _EMPTY_ARRAY.match(body) is not None
    if start[0].endswith("]"):  # A whole array of one value: something else follows a footnote's number.
        return _JSON_END.match(body, start.end()) is not None
    return True


def is_binary(text: str) -> bool:
    sample = text[:4096]
    odd = sum(char < " " and char not in "\t\r\n\f\v\x1a\x1b\x1c\x1d\x1e\x1f" for char in sample)
    if not sample.isascii():  # Beyond latin-1, which is what single bytes are, stands what UTF-16 was taken for.
        odd += sum(char > "\xff" and (char == "\ufffd" or not char.isprintable()) for char in sample)
    return "\x00" in sample or odd > len(sample) // 20


_SAMPLE_CHARS = 32_768
_ROWS = 20
_QUOTED = re.compile(r"(?:(?<=[,;\t|\n])|\A)\"[^\"]*+(?:\"\"[^\"]*+)*+\"(?=[,;\t|\r\n]|\Z)")
_BRACKETED = re.compile(r"\([^()\n]{0,200}+\)|\[[^\[\]\n]{0,200}+\]|\{[^{}\n]{0,200}+\}")
_MOMENT = re.compile(r"\d\d:\d\d:\d\d,\d{3}")
_RULE = re.compile(r"[\s|+:=-]*-[\s|+:=-]*")
_BASE64 = re.compile(r"[\w+/=-]+", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]+")


def shape(body: str, *, whole: bool) -> Standard:
    """Rows of as many cells: "csv"; lines of one length: "fixed-width"; else "text"."""
    sample = body[:_SAMPLE_CHARS]
    whole = whole and len(body) <= _SAMPLE_CHARS
    if _is_csv(_lines(_QUOTED.sub("quoted", sample), whole=whole)):
        return "csv"
    return "fixed-width" if _is_fixed_width(_lines(sample, whole=whole)) else "text"


def _lines(text: str, *, whole: bool) -> list[str]:
    """The first lines that are not blank, without one that is cut off."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not whole:
        lines = lines[:-1]
    return [line for line in lines[: 2 * _ROWS] if line.strip(BLANKS)][:_ROWS]


def _is_csv(lines: list[str]) -> bool:
    """What is quoted in these lines has been replaced: a cell may hold delimiters and line breaks."""
    if len(lines) < 2:
        return False
    bare = [_BRACKETED.sub("", _MOMENT.sub("", line)) for line in lines]
    return any(_are_rows(bare, delimiter) for delimiter in ",;\t|")


def _are_rows(lines: list[str], delimiter: str) -> bool:
    counts = [line.count(delimiter) for line in lines]
    usual = counts[0]
    if not usual:
        return False
    ragged = sum(count != usual for count in counts)
    if ragged and (usual < 2 or ragged * 5 > len(lines)):
        return False
    if delimiter == "|":  # A rule below the heads: a table for people.
        return not any(_RULE.fullmatch(line) for line in lines)
    if delimiter == "\t":
        return any(line.lstrip("\t") == line for line in lines)
    followed_by_blank = all(f"{line} ".count(f"{delimiter} ") == line.count(delimiter) for line in lines)
    return not followed_by_blank or (usual > 1 and len(lines) > 2)


def _is_fixed_width(lines: list[str]) -> bool:
    """Records of one length: no prose, which is mostly small letters; no base64, no hexadecimal digits in lines."""
    if len(lines) < 2 or len(lines[0]) < 40 or len({len(line) for line in lines}) > 1:
        return False
    text = "".join(lines)
    if sum(char.islower() for char in text) * 2 > len(text):
        return False
    if _HEXADECIMAL.fullmatch(text):
        return text.isdigit()
    return not (_BASE64.fullmatch(text) and text.lower() != text and text.upper() != text)
