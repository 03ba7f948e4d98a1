"""Events gathered into trees, with every finding where it belongs."""

import pytest

import parsers
from parsers.events import Quoted
from parsers.judged import FINDINGS_MAX, SET_FINDINGS_MAX, Collector, interchanges
from tests.unit.parsers.judging import events, finding, judged

ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*^*00501*000000905*0*T*:~"
GS = "GS*HP*SENDER*RECEIVER*20260302*0915*17*X*005010X221A1~"
SET = "ST*835*0001~BPR*I*1~SE*3*0001~"
SECOND = "ST*835*0002~BPR*I*1~SE*3*0002~"
GOOD = ISA + GS + SET + SECOND + "GE*2*17~IEA*1*000000905~"


def test_a_file_becomes_a_tree():
    one = judged(GOOD)
    assert one.opened.control_number == "000000905"
    assert [group.opened.control_number for group in one.groups] == ["17"]
    assert [each.opened.control_number for each in one.groups[0].sets] == ["0001", "0002"]
    assert [each.opened.index for each in one.all_sets()] == [1, 2]
    assert (one.failed, one.groups[0].failed, [each.failed for each in one.all_sets()]) == (
        False,
        False,
        [False, False],
    )
    assert one.closed is not None
    assert one.groups[0].closed is not None


def test_two_interchanges_are_two():
    assert [one.opened.index for one in interchanges(events(GOOD + GOOD))] == [1, 2]


BROKEN = [
    ("set", GOOD.replace("SE*3*0001", "SE*4*0001"), ["x12.se01-count-mismatch"], [], []),
    ("group", GOOD.replace("GE*2", "GE*3"), [], ["x12.ge01-count-mismatch"], []),
    ("interchange", GOOD.replace("IEA*1", "IEA*3"), [], [], ["x12.iea01-count-mismatch"]),
]


@pytest.mark.parametrize(("text", "of_set", "of_group", "of_interchange"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])  # fmt: skip
def test_a_finding_belongs_to_the_envelope_that_it_speaks_of(text, of_set, of_group, of_interchange):
    one = judged(text)
    group = one.groups[0]
    found = [[each.code for each, _ in owner.findings] for owner in (group.sets[0], group.sets[1], group, one)]
    assert found == [of_set, [], of_group, of_interchange]
    assert [owner.failed for owner in (group.sets[0], group, one)] == [
        bool(of_set),
        bool(of_group),
        bool(of_interchange),
    ]


def test_what_is_quoted_stays_with_its_finding():
    said = [finding("x12.code-unknown", position=2), Quoted(text="XX"), finding("x12.date-invalid", position=2)]
    one = judged(GOOD, {1: said})
    assert [(each.code, quoted) for each, quoted in one.groups[0].sets[0].findings] == [
        ("x12.code-unknown", "XX"),
        ("x12.date-invalid", None),
    ]


def test_what_is_quoted_behind_anything_else_is_left_out():
    one = judged(GOOD, {1: [finding("x12.code-unknown", position=2), Quoted(text="XX"), Quoted(text="YY")]})
    assert [quoted for _, quoted in one.groups[0].sets[0].findings] == ["XX"]


def test_what_is_quoted_behind_a_finding_that_was_left_out_is_left_out():
    said = [finding("x12.code-unknown", position=2)] * SET_FINDINGS_MAX
    said += [finding("x12.date-invalid", position=3), Quoted(text="secret")]
    one = judged(GOOD, {1: said}).groups[0].sets[0]
    assert {quoted for _, quoted in one.findings} == {None}
    assert (len(one.findings), one.more) == (SET_FINDINGS_MAX, 1)


def test_an_error_takes_the_place_of_a_warning_where_there_is_no_more_room():
    said = [finding("x12.code-unknown", position=2, severity="warning")] * (SET_FINDINGS_MAX + 5)
    said.append(finding("x12.date-invalid", position=3))
    one = judged(GOOD, {1: said}).groups[0].sets[0]
    assert [each.code for each in one.errors()] == ["x12.date-invalid"]
    assert (len(one.findings), one.more, one.error_levels) == (SET_FINDINGS_MAX, 6, {1})


def test_an_interchange_keeps_so_many_and_counts_the_rest():
    sets = "".join(SET.replace("0001", f"{nth:04}") for nth in range(1, 16))
    text = ISA + GS + sets + "GE*15*17~IEA*1*000000905~"
    said = {nth: [finding("x12.code-unknown", position=2)] * SET_FINDINGS_MAX for nth in range(1, 16)}
    collector = Collector()
    (one,) = filter(None, map(collector.take, events(text, said)))
    assert sum(len(each.findings) for each in one.all_sets()) == FINDINGS_MAX
    assert sum(each.more for each in one.all_sets()) == 5 * SET_FINDINGS_MAX
    assert all(each.failed for each in one.all_sets())


def test_what_is_only_worth_knowing_is_not_kept():
    one = judged(GOOD, {1: [finding("x12.no-guide", level=2, severity="info")]})
    assert next(iter(one.all_sets())).findings == []


def test_a_file_that_is_cut_off_is_a_tree_too():
    one = judged(ISA + GS + "ST*835*0001~BPR*I")
    only = one.groups[0].sets[0]
    assert (only.whole, only.failed, one.groups[0].failed, one.failed) == (False, True, True, True)


def test_events_that_end_in_the_middle_leave_an_interchange_without_its_end():
    some = list(parsers.read([GOOD.encode()]))[:5]
    (one,) = interchanges(some)
    assert (one.closed, one.failed) == (None, True)
