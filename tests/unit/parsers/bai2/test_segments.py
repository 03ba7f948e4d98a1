import pytest

from parsers.events import Finished
from tests.unit.parsers.bai2.sample import GOOD
from tests.unit.parsers.lossless import laid_out

RECORDS = GOOD.splitlines()
PHYSICAL = GOOD.replace("0915,1,,", "0915,1,80,1").splitlines()
BLOCKS = "".join(record.ljust(80) for record in PHYSICAL)
LONG = "".join(f"{record}/ " if not record.endswith("/") else f"{record} " for record in RECORDS * 8)
CASES = [
    ("lines", GOOD, RECORDS),
    ("crlf", GOOD.replace("\n", "\r\n"), RECORDS),
    ("cr", GOOD.replace("\n", "\r"), RECORDS),
    ("padded to 80", "".join(record.ljust(80) + "\n" for record in RECORDS), [record.ljust(80) for record in RECORDS]),
    ("no last line break", GOOD[:-1], RECORDS),
    ("blank lines", GOOD.replace("\n", "\n\n"), RECORDS),
    ("several a line", GOOD.replace("/\n", "/  ", 4), RECORDS),
    ("several a line, no blanks", GOOD.replace("/\n02", "/02").replace("/\n03", "/03"), RECORDS),
    ("blocks of 80 without line breaks", BLOCKS, PHYSICAL),
    ("one line", LONG, [record if record.endswith("/") else f"{record}/" for record in RECORDS * 8]),
    ("byte order mark", "\ufeff" + GOOD, RECORDS),
]  # fmt: skip


@pytest.mark.parametrize("piece", [7, 64, 1 << 20])
@pytest.mark.parametrize(("text", "records"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_records_stand_where_the_offsets_say(monkeypatch, text, records, piece):
    data = text.encode()
    made, said = laid_out(monkeypatch, data, piece)
    read = [item for item in made if isinstance(item, tuple)]
    assert [item[0] for item in read] == records
    assert all(data[item[1] :].startswith(item[0].encode()) for item in read)
    assert said == []


@pytest.mark.parametrize("behind", ["", "\n" + RECORDS[1] + "\n"])
def test_a_header_too_long_to_hold(monkeypatch, behind):
    data = (RECORDS[0] + "/" * 5000 + behind).encode()
    made, said = laid_out(monkeypatch, data, 64, held_bytes=500)
    assert "bai2.record-too-long" in [finding.code for finding in said]
    assert made[-1].outcome == "incomplete"


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", "\r\n"), BLOCKS])
def test_cut_at_every_byte(monkeypatch, text):
    for stop in range(len(text) - 1):
        made, _ = laid_out(monkeypatch, text[:stop].encode())
        assert isinstance(made[-1], Finished)
        assert made[-1].outcome != "complete" or stop >= len(text.rstrip()) - 1
