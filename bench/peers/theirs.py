"""The peers, each as its own documentation reads a file: `python theirs.py PEER` (see `child`).

What a peer cannot do for itself is done for it, and timed: those of HL7 take one message, so that the batch is cut into
messages first.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from child import Read, answer


def pyx12() -> Read:
    from pyx12.x12file import X12Reader

    def read(path: str) -> dict[str, int]:
        with X12Reader(path) as reader:
            return {"segments": sum(1 for _ in reader)}

    return read


def pyx12_guide() -> Read:
    import io
    import logging

    from pyx12.params import params
    from pyx12.x12n_document import x12n_document

    logging.disable(logging.CRITICAL)

    def read(path: str) -> dict[str, int]:
        report = io.StringIO()
        if not x12n_document(params(), path, fd_997=None, fd_html=None, fd_json=report):
            sys.exit("pyx12 rejects the file")
        return {}

    return read


def linuxforhealth() -> Read:
    from linuxforhealth.x12.io import X12SegmentReader

    def read(path: str) -> dict[str, int]:
        with X12SegmentReader(path) as reader:
            return {"segments": sum(1 for _ in reader.segments())}

    return read


def ansi_x12() -> Read:
    import x12

    def read(path: str) -> dict[str, int]:
        interchange = x12.parse_x12_interchange(x12.tokenize_x12(Path(path).read_bytes()))
        return {"sets": sum(len(group.transactions) for group in interchange.groups)}

    return read


def pydifact() -> Read:
    from pydifact.segmentcollection import Interchange

    def read(path: str) -> dict[str, int]:
        return {"sets": sum(1 for _ in Interchange.from_str(text(path)).get_messages())}

    return read


def hl7kit() -> Read:
    import hl7kit

    def read(path: str) -> dict[str, int]:
        lengths = [len(hl7kit.parse(message).segments()) for message in messages(path)]
        return {"set_segments": sum(lengths), "sets": len(lengths)}

    return read


def hl7() -> Read:
    import hl7

    def read(path: str) -> dict[str, int]:
        return {"set_segments": sum(len(hl7.parse(message)) for message in messages(path))}

    return read


def text(path: str) -> str:
    with open(path, encoding="ascii", newline="") as file:
        return file.read()


def messages(path: str) -> list[str]:
    """The messages of a batch, cut at their headers."""
    batch = text(path)
    begin, end = batch.index("\rMSH|") + 1, batch.rindex("\rBTS|") + 1
    first, *others = batch[begin:end].split("\rMSH|")
    return [first, *(f"MSH|{other}" for other in others)]


PEERS: dict[str, Callable[[], Read]] = {
    "pyx12": pyx12,
    "linuxforhealth": linuxforhealth,
    "pyx12-guide": pyx12_guide,
    "ansi-x12": ansi_x12,
    "pydifact": pydifact,
    "hl7kit": hl7kit,
    "hl7": hl7,
}

if __name__ == "__main__":
    answer(PEERS[sys.argv[1]]())
