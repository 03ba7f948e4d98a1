import pytest

import parsers
from parsers import Limits, Raw, Segments


def shown(data: bytes, size: int = 1 << 20, **limits: int) -> list:
    made, whole = [], b""
    for item in parsers.segments((data[at : at + size] for at in range(0, len(data), size)), Limits(**limits)):
        match item:
            case Segments():
                assert item.offset == len(whole)
                whole += item.data
                made += zip(item.texts, item.offsets, strict=False)
            case Raw():
                whole += item.data
                made += [(item.kind, item.offset)] * (item.kind not in {"blank", "gap"})
    assert whole == data, "every byte is handed out, in order"
    return made


@pytest.mark.parametrize("size", [1, 2, 5, 1 << 20])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"MSH|^\rPID|2\r", [("MSH|^", 0), ("PID|2", 6)]),
        (b"MSH|^\nPID|2\n", [("MSH|^", 0), ("PID|2", 6)]),
        (b"MSH|^\r\nPID|2\r\n", [("MSH|^", 0), ("PID|2", 7)]),
        (b"MSH|^\r\n\r\n\rPID|2", [("MSH|^", 0), ("PID|2", 10)]),
        (b"\x0bMSH|1\rPID|2\r\x1c\r\x0bMSH|3\r\x1c\r", [("MSH|1", 1), ("PID|2", 7), ("MSH|3", 16)]),
        (b"", []),
        (b"\r\n", []),
    ],
)
def test_segments_stand_where_the_offsets_say(data, expected, size):
    assert shown(data, size) == expected


def test_a_byte_order_mark_is_no_part_of_the_first_segment():
    assert shown("\ufeffMSH|1\rPID|ü".encode(), 1 << 20) == [("MSH|1", 3), ("PID|Ã¼", 9)]


def test_a_segment_too_long_to_hold_travels_in_parts():
    data = b"MSH|^\rOBX|" + b"x" * 3_000_000 + b"\rPID|2\r"
    told = shown(data, held_bytes=1000)
    assert (told[0], told[-1]) == (("MSH|^", 0), ("PID|2", 3_000_011))
    assert {kind for kind, _ in told[1:-1]} == {"segment"}
