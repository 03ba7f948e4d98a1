"""What the lossless level gave, laid out so that two ways of cutting the same file compare."""

import parsers
from parsers import Finding, Limits, Raw, Segments
from parsers.events import GroupClosed, InterchangeClosed, SetClosed


def laid_out(monkeypatch, data: bytes, piece: int = 1 << 20, *, layout=None, **limits) -> tuple[list, list]:
    """Everything that was handed out, and what was said of it in the order of the file; byte-exactness is checked."""
    told = parsers.identify(data)
    monkeypatch.setattr("parsers.source.PIECE_BYTES", piece)
    monkeypatch.setattr("parsers.reader.identify", lambda _: told)  # The first piece is too small to tell by.
    made, said, whole = [], [], b""
    for item in parsers.segments([data], Limits(**limits), layout=layout):
        match item:
            case Segments():
                assert item.offset == len(whole)
                assert len(item.offsets) == len(item.texts) + 1
                whole += item.data
                for at, text in enumerate(item.texts):
                    item.elements(at)
                    made.append((text, item.offsets[at], item.set, item.position + at, item.control))
            case Raw():
                assert item.offset == len(whole)
                whole += item.data
                if not (made and made[-1] == item.kind):
                    made.append(item.kind)
            case Finding():
                said.append(item)
            case _:
                made.append(item)
    assert whole == data, "every byte is handed out, in order, once"
    return made, sorted(said, key=lambda finding: (finding.offset or 0, finding.code))


def verdicts(data: bytes, **arguments) -> tuple[list[str], list[str]]:
    """What was said, and how each envelope ended, innermost first."""
    said, ended = [], []
    for event in parsers.segments([data], **arguments):
        if isinstance(event, Finding):
            code = event.code.partition(".")[2]
            said.append(code if event.severity == "error" else f"{event.severity} {code}")
        elif isinstance(event, SetClosed | GroupClosed | InterchangeClosed):
            ended.append(f"{type(event).__name__.removesuffix('Closed').lower()} {event.verdict}")
    return said, ended


def texts(data: bytes, **arguments) -> list[str]:
    return [text for item in parsers.segments([data], **arguments) if isinstance(item, Segments) for text in item.texts]


def elements(data: bytes, **arguments) -> list[list[tuple[str, str, int]]]:
    """Name, text and offset of every element of every segment."""
    return [
        [(one.name, one.text, one.offset) for one in item.elements(at)]
        for item in parsers.segments([data], **arguments)
        if isinstance(item, Segments)
        for at in range(len(item))
    ]
