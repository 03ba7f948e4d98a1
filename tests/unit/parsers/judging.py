"""What an engine would say of a file, put by hand between the events of its envelopes."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

import parsers
from parsers.events import Event, Quoted, SetClosed
from parsers.findings import Finding, Location
from parsers.judged import JudgedInterchange, interchanges

Said = Finding | Quoted


def finding(code, *, segment=None, position=None, element=None, path=None, level=None, severity="error") -> Finding:
    """`level` is that of the code when it is not given."""
    known = {"segment-missing", "loop-missing", "segment-repeats", "loop-repeats", "segment-unexpected",
             "segment-not-used", "element-missing", "element-not-used", "code-unknown", "hl-parent"}  # fmt: skip
    level = level or (2 if code.partition(".")[2] in known else 1)
    place = Location(
        standard=code.partition(".")[0], segment=segment, position=position, element=element, path=path, offset=0
    )
    return Finding.at(place, code, "Words without a value.", "A hint.", severity=severity, level=level)


def events(
    text: str, said: Mapping[int, Sequence[Said]] | None = None, guide: str | None = "a/guide"
) -> Iterator[Event]:
    """Args:
    said: for a set's ordinal what stands before its end.
    guide: that judged every set.
    """
    for event in parsers.read([text.encode("latin-1")]):
        if not isinstance(event, SetClosed):
            yield event
            continue
        verdict = event.verdict
        for one in (said or {}).get(event.index, ()):
            if isinstance(one, Finding):
                yield Finding(**{**{name: getattr(one, name) for name in one.__slots__}, "set": event.index})
                verdict = "rejected" if one.severity == "error" else verdict
            else:
                yield one
        yield replace(event, verdict=verdict, guide=guide)


def judged(text: str, said=None, guide: str | None = "a/guide") -> JudgedInterchange:
    (interchange,) = interchanges(events(text, said, guide))
    return interchange


def codes_of(data: bytes) -> list[str]:
    """What our own reader finds wrong."""
    return [event.code for event in parsers.read([data]) if isinstance(event, Finding)]
