"""What a parser process cannot do, whatever a file makes of it."""

import subprocess
import sys

import pytest

_TRY = """
import os, socket
from mft.pipeline import worker
worker._limit(1024)
try:
    {attempt}
except OSError as error:
    print("refused", error.errno)
else:
    print("done")
"""


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        "open('/proc/self/environ')",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_INET)",
        "os.pipe()",
        "os.dup(0)",
    ],
)
def test_opens_nothing(attempt: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TRY.format(attempt=attempt)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split()[0] == "refused", done


def test_reads_everything_it_may_meet_without_opening_more() -> None:
    """Charsets and modules are loaded before the limit: a file in Windows-1252 or UTF-16 still reads."""
    from mft.pipeline.parse import Parser
    from parsers.events import Finished

    parser = Parser(memory_mib=1024, seconds=60)
    try:
        for content in (
            "MSH|^~\\&|A|B|C|D|20260301||ADT^A01|1|P|2.5.1\rPID|1||1||M\xfcller\r".encode("cp1252"),
            "ISA*00*".encode("utf-16-le"),
            "ISA*00*".encode("utf-16-be"),
            "ISA*00*".encode("cp037"),
            b"MSH|^~\\&|A|B|C|D|20260301||ADT^A01|1|P|2.5.1||||||8859/15\rPID|1||1||M\xa4\r",
            b"PK\x03\x04",
            b"\x1f\x8b\x08",
        ):
            assert isinstance(list(parser.read(iter([content])))[-1], Finished)
    finally:
        parser.close()


def test_judges_by_every_guide_without_opening_more() -> None:
    """Guides are read before the limit: each on the shelf can be asked for, and an overlay laid over one."""
    from mft.pipeline.parse import Parser
    from parsers.events import Finished, SetClosed
    from parsers.guides import shelf
    from parsers.guides.terms import Judging, Terms
    from tests.harness import sample

    parser = Parser(memory_mib=1024, seconds=60)
    content = sample("claims-837p.edi")
    try:
        for standard in shelf.FOLDERS:
            for entry in shelf.entries(standard):
                terms = Terms(guide=entry.id)
                assert isinstance(list(parser.read(iter([content]), Judging(terms=(terms,))))[-1], Finished)
        overlay = 'id = "acme"\nextends = "x12/005010X222A1"\nversion = "7"\n'
        judging = Judging(terms=(Terms(guide="acme"),), overlays={"acme.toml": overlay})
        assert [event.guide for event in parser.read(iter([content]), judging) if isinstance(event, SetClosed)] == [
            "x12/005010X222A1+acme@7"
        ]
        assert [event.guide for event in parser.read(iter([content])) if isinstance(event, SetClosed)] == [None]
    finally:
        parser.close()
