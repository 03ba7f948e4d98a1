"""SWIFT's notation of formats, as regular expressions: "5n[/5n]", "1!a6!n3!a15d", "6*65x".

Spec: SWIFT Standards MT, General Information, "Field formats".
"""

import re
from functools import lru_cache

_CHARACTERS = {
    "n": "[0-9]",
    "a": "[A-Z]",
    "c": "[A-Z0-9]",
    "h": "[A-F0-9]",
    "x": r"[A-Za-z0-9/\-?:().,'+ ]",
    "y": r"[A-Z0-9 .,\-()/='+:?!\"%&*<>;]",
    "z": r"[^\r\n]",
    "e": " ",
}
_PART = re.compile(r"(?:(?P<lines>\d+)\*)?(?P<count>\d+)(?P<fixed>!)?(?P<kind>[nachxyzed])")
_LINE_BREAK = r"(?:\r\n|\r|\n)"


@lru_cache(maxsize=256)
def pattern_of(notation: str) -> str:
    """The regular expression of a format.

    Args:
        notation: n digits, a capitals, c capitals and digits, x and z text, d a decimal with its comma, e a blank;
            "!" of just that length, else up to it; "6*65x" up to six such lines; "[…]" may be left out; "$" a line
            break; whatever else stands there stands there.
    """
    made, at = "", 0
    while at < len(notation):
        part = _PART.match(notation, at)
        if part is not None:
            made += _part(part)
            at = part.end()
            continue
        mark = notation[at]
        made += {"[": "(?:", "]": ")?", "$": _LINE_BREAK}.get(mark, re.escape(mark))
        at += 1
    return made


def _part(part: re.Match[str]) -> str:
    count = int(part["count"])
    if part["kind"] == "d":
        one = f"(?=[0-9,]{{2,{count}}}(?![0-9,]))[0-9]+,[0-9]*"
    else:
        one = _CHARACTERS[part["kind"]] + (f"{{{count}}}" if part["fixed"] else f"{{1,{count}}}")
    if part["lines"]:
        return f"{one}(?:{_LINE_BREAK}{one}){{0,{int(part['lines']) - 1}}}"
    return one
