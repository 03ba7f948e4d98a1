import pytest

from parsers.nacha.totals import Totals
from tests.unit.parsers.nacha.sample import RECORDS

ENTRY = RECORDS[2]


@pytest.mark.parametrize(
    ("adv", "credits_", "debits"),
    [(False, "21 22 23 24 31 32 33 34 42 52", "26 27 28 29 36 37 38 39 47 55"), (True, "81 83 85 87", "82 84 86 88")],
)
def test_transaction_codes_tell_credits_from_debits(adv, credits_, debits):
    for codes, side in ((credits_, "credit"), (debits, "debit")):
        for code in codes.split():
            totals = Totals()
            assert totals.add_entries([f"6{code}{ENTRY[3:27]}000000010050".ljust(94)], adv=adv)
            assert (getattr(totals, side), totals.credit + totals.debit) == (10050, 10050), code


def test_what_is_no_number_is_left_out():
    totals = Totals()
    assert not totals.add_entries([ENTRY, ENTRY.replace("0000010050", "00000 0050")], adv=False)
    assert (totals.credit, totals.hash) == (10050, 7100050)
