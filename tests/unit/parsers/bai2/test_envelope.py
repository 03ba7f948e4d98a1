"""The envelope by its rules: each case breaks one thing in a good file and names all that must be said of it."""

import pytest

import parsers
from parsers import Finding
from parsers.events import GroupOpened, InterchangeOpened, SetOpened
from tests.unit.parsers.bai2.sample import GOOD
from tests.unit.parsers.lossless import verdicts

A, G, F = "set accepted", "group accepted", "interchange accepted"
SOUND = [A, A, G, A, G, F]
LINES = GOOD.splitlines(keepends=True)


def without(*numbers: int) -> str:
    return "".join(line for at, line in enumerate(LINES, 1) if at not in numbers)


def bad(*at: int) -> list[str]:
    return [one.replace("accepted", "rejected") if place in at else one for place, one in enumerate(SOUND)]


CASES = [
    ("good", GOOD, [], SOUND),
    ("49 total", GOOD.replace("49,3200000,7", "49,3200001,7"), ["control-total-mismatch"], bad(0)),
    ("49 total wrong, and carried on", GOOD.replace("49,3200000,7", "49,3200001,7").replace("98,3199999", "98,3200000").replace("99,3200004", "99,3200005"), ["control-total-mismatch"], bad(0)),
    ("49 total empty", GOOD.replace("49,3200000,7", "49,,7"), ["control-total-mismatch"], bad(0)),
    ("49 total signed", GOOD.replace("49,3200000,7", "49,+0003200000,7"), [], SOUND),
    ("49 records", GOOD.replace("49,3200000,7", "49,3200000,8"), ["record-count-mismatch"], bad(0)),
    ("98 total", GOOD.replace("98,3199999", "98,-3199999"), ["control-total-mismatch"], bad(2)),
    ("98 accounts", GOOD.replace("98,3199999,2", "98,3199999,3"), ["account-count-mismatch"], bad(2)),
    ("98 records", GOOD.replace("98,3199999,2,11", "98,3199999,2,X"), ["record-count-mismatch"], bad(2)),
    ("99 total", GOOD.replace("99,3200004", "99,3200005"), ["control-total-mismatch"], bad(5)),
    ("99 groups", GOOD.replace("99,3200004,2", "99,3200004,1"), ["group-count-mismatch"], bad(5)),
    ("99 records", GOOD.replace("99,3200004,2,17", "99,3200004,2,16"), ["record-count-mismatch"], bad(5)),
    ("amount of a transaction", GOOD.replace("16,195,600000", "16,195,6000.00"), ["not-numeric", "control-total-mismatch"], bad(0)),
    ("amount of a balance", GOOD.replace("010,+500000", "010,5000.00"), ["not-numeric", "control-total-mismatch"], bad(0)),
    ("no slash", GOOD.replace("49,-1,2/", "49,-1,2"), ["warning slash-missing"], SOUND),
    ("no slash anywhere", GOOD.replace("/\n", "\n"), ["warning slash-missing"], SOUND),
    ("text broken without 88", GOOD.replace("88,ALBA", "ALBA").replace(",7/", ",6/").replace(",11/", ",10/").replace(",17/", ",16/"), ["warning line-not-a-record"], SOUND),
    ("unknown type code, unknown funds type", GOOD.replace("16,195,", "16,999,").replace(",0,REF", ",Q,REF"), [], SOUND),
    ("no 49", without(9).replace(",11/", ",10/").replace(",17/", ",16/"), ["account-trailer-missing"], bad(0)),
    ("no 98", without(12).replace(",17/", ",16/"), ["group-trailer-missing"], bad(2)),
    ("no 02", without(2, 12).replace("99,3200004,2,17", "99,3200004,1,15"), ["account-outside-group", "account-outside-group"], ["set rejected", "set rejected", A, G, F]),
    ("stray 49", GOOD.replace("98,3199999,2,11", "49,1,1/\n98,3199999,2,12").replace(",17/", ",18/"), ["trailer-out-of-place"], bad(2)),
    ("transaction outside", GOOD.replace("98,3199999,2,11", "16,195,1,0,,,/\n98,3199999,2,12").replace(",17/", ",18/"), ["record-out-of-place"], bad(2)),
    ("cut in an account", "".join(LINES[:6]), ["file-trailer-missing"], ["set incomplete", "group incomplete", "interchange incomplete"]),
    ("cut in a record", "".join(LINES[:8]) + "49,32", ["record-cut-off", "file-trailer-missing"], ["set incomplete", "group incomplete", "interchange incomplete"]),
    ("cut in the last record", GOOD[:-4], ["record-cut-off", "file-trailer-missing"], [A, A, G, A, G, "interchange incomplete"]),
    ("neither slash nor line break at the end", GOOD[:-2], ["warning slash-missing"], SOUND),
    ("another file begins", "".join(LINES[:9]) + GOOD, ["file-trailer-missing"], [A, "group incomplete", "interchange incomplete", *SOUND]),
    ("another standard begins", "".join(LINES[:9]) + "MSH|^~\\&|A|B|C|D|20260302||ADT^A01|1|P|2.5.1\r", ["file-trailer-missing"], [A, "group incomplete", "interchange incomplete", A, F]),
    ("several files", GOOD + GOOD, [], SOUND + SOUND),
    ("junk between", GOOD + "junk\n" + GOOD, ["warning data-outside-interchange"], SOUND + SOUND),
    ("no groups", "01,A,B,260302,0915,1,,,2/\n99,0,0,2/\n", [], [F]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "ended"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_broken_is_said_once_and_judged_in_its_place(text, said, ended):
    assert verdicts(text.encode()) == (said, ended)


def test_a_line_too_long_to_hold_is_said(monkeypatch):
    monkeypatch.setattr("parsers.source.PIECE_BYTES", 100)
    text = GOOD.replace("ALBA/BRUNO", "x" * 5000)
    assert "record-too-long" in verdicts(text.encode(), limits=parsers.Limits(held_bytes=500))[0]


def test_a_finding_says_where_and_what_we_counted_and_no_value_of_the_file():
    text = GOOD.replace("49,3200000,7", "49,3200000,987")
    finding = next(item for item in parsers.segments([text.encode()]) if isinstance(item, Finding))
    assert (finding.set, finding.path, finding.segment, finding.position, finding.element) == (
        1, "01[1]/02[1]/03[1]", "49", 7, "49/record-count",
    )  # fmt: skip
    assert text[finding.offset :].startswith("49,")
    assert "counted 7" in finding.message
    assert "987" not in finding.message + finding.hint


def test_opened_envelopes_carry_what_was_sent():
    items = list(parsers.segments([GOOD.encode()]))
    assert next(item for item in items if isinstance(item, InterchangeOpened)) == InterchangeOpened(
        index=1, standard="bai2", version="2", sender="BANK", sender_qualifier=None, receiver="COMPANY",
        receiver_qualifier=None, control_number="1", usage=None, offset=0,
    )  # fmt: skip
    assert next(item for item in items if isinstance(item, GroupOpened)) == GroupOpened(
        interchange=1, index=1, functional_id="1", sender="BANK", receiver="COMPANY", control_number=None, version=None,
        offset=35,
    )  # fmt: skip
    assert [(item.group, item.index, item.set) for item in items if isinstance(item, SetOpened)] == [
        (1, 1, "account"), (1, 2, "account"), (2, 3, "account"),
    ]  # fmt: skip


def test_an_account_that_goes_on_and_on_is_added_up_as_it_comes():
    balances = "88,010,1,,V,260302,,015,2,,D,2,0,1,1,1,040,3,,/\n"
    count = 12_000
    text = "01,A,B,260302,0915,1,,,2/\n02,A,B,1,260302,,,2/\n03,1,/\n" + balances * count
    total, records = 6 * count, count + 2
    text += f"49,{total},{records}/\n98,{total},1,{records + 2}/\n99,{total},1,{records + 4}/\n"
    assert [item.code for item in parsers.segments([text.encode()]) if isinstance(item, parsers.Finding)] == []
