import pytest

from parsers.hl7 import tokenizer
from parsers.hl7.tokenizer import Batch, TooLong, tokenize


def shown(data: bytes, size: int) -> list:
    made = []
    for token in tokenize(data[at : at + size] for at in range(0, len(data), size)):
        match token:
            case Batch(segments, starts):
                made += zip(segments, starts, strict=False)
            case TooLong(offset):
                made.append(offset)
    return made


@pytest.mark.parametrize("size", [1, 2, 5, 1 << 20])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"MSH|1\rPID|2\r", [("MSH|1", 0), ("PID|2", 6)]),
        (b"MSH|1\nPID|2\n", [("MSH|1", 0), ("PID|2", 6)]),
        (b"MSH|1\r\nPID|2\r\n", [("MSH|1", 0), ("PID|2", 7)]),
        (b"MSH|1\r\n\r\n\rPID|2", [("MSH|1", 0), ("PID|2", 10)]),
        (b"\x0bMSH|1\rPID|2\r\x1c\r\x0bMSH|3\r\x1c\r", [("MSH|1", 1), ("PID|2", 7), ("MSH|3", 16)]),
        (b"", []),
        (b"\r\n", []),
    ],
)
def test_segments_stand_where_the_offsets_say(data, expected, size):
    assert shown(data, size) == expected


def test_a_byte_order_mark_is_no_part_of_the_first_segment():
    assert shown("\ufeffMSH|1\rPID|ü".encode(), 1 << 20) == [("MSH|1", 3), ("PID|Ã¼", 9)]


def test_a_segment_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(tokenizer, "MAX_SEGMENT_CHARS", 20)
    data = b"MSH|1\rOBX|" + b"x" * 100 + b"\rPID|2\r"
    assert shown(data, 10) == [("MSH|1", 0), 6, ("PID|2", 111)]
