"""X12 files from their sets, so that a test shows only what it is about."""

from collections.abc import Callable

import pytest

ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*^*00501*000000905*0*T*:~"


def x12_file(*sets: str, version: str = "005010X222A1", functional_id: str = "HC") -> bytes:
    """An interchange of one group; each set is the text between its ST and SE, segments ended by "~"."""
    text = f"{ISA}GS*{functional_id}*SENDER*RECEIVER*20260302*0915*17*X*{version}~"
    for number, body in enumerate(sets, 1):
        control_number = f"{number:04}"
        set_id = {"HC": "837", "PO": "850", "HB": "271"}.get(functional_id, "835")
        text += f"ST*{set_id}*{control_number}~{body}SE*{body.count('~') + 2}*{control_number}~"
    return f"{text}GE*{len(sets)}*17~IEA*1*000000905~".encode()


@pytest.fixture
def x12() -> Callable[..., bytes]:
    return x12_file
