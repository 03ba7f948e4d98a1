"""Walks through small maps: each case is a map, a few segments, and the records that they make."""

import pytest

from parsers.findings import Finding, Location
from parsers.maps.engine import Compiled, Walk
from parsers.maps.language import read_map
from parsers.maps.model import MapError
from parsers.x12.delimiters import Delimiters
from parsers.x12.values import values

ORDER = 'id = "test-1"\nrecord = "purchase-order/2"\nstandard = "x12"\nsets = ["850"]\n'
SHIPMENT = ORDER.replace("purchase-order/2", "ship-notice/1")
CLAIM = ORDER.replace("purchase-order/2", "claim/1")


def walk(text: str, *segments: str, others: dict[str, str] | None = None) -> list[dict]:
    compiled = Compiled(read_map(text, "test.toml", "", others), values(Delimiters("*", ":", "~", "^")))
    walked = Walk(compiled, Location(standard="x12", set=1, offset=0))
    texts = list(segments)
    run = type("Run", (), {"characters": texts, "texts": texts, "offset": 0, "position": 2, "byte": lambda _, at: at})()

    made = [*walked.feed(run), *walked.finish(len(texts))]
    return [
        one if isinstance(one, Finding) else {k: v for k, v in one.items() if k not in {"schema", "provenance"}}
        for one in made
    ]


ROOT = ORDER + "[set]\nrecord = true\n"
PARTY = '[loop.N1]\nbegins = "N1"\ninto = "parties"\nrole = "N101"\nname = "N102"\n'
LINE = '[loop.PO1]\nbegins = "PO1"\ninto = "lines"\nnumber = "PO101"\n'
CASES = [
    ("one of a kind", ROOT + 'number = "BEG03"\n', ["BEG*00*SA*1"], [{"number": "1"}]),
    ("nothing sent", ROOT + 'number = "BEG03"\n', ["BEG*00*SA"], []),
    ("items of a list", ROOT + 'references = [{ scheme = "REF01", value = "REF02" }]\n', ["REF*A*1", "REF*B", "REF*C*3"], [{"references": [{"scheme": "A", "value": "1"}, {"scheme": "C", "value": "3"}]}]),
    ("alternatives", ROOT + 'number = ["BEG03", "BEG04"]\n', ["BEG***  *4".replace("  ", "")], [{"number": "4"}]),
    ("alternatives of two segments, of which the last counts", ROOT + 'number = ["BEG03", "REF02"]\n', ["BEG*00*SA*1", "REF*A*2"], [{"number": "2"}]),
    ("alternatives of two segments in a struct: the first of them counts", ROOT + 'totals.amount = ["AMT02 where AMT01=1", "AMT02 where AMT01=2"]\n', ["AMT*1*5", "AMT*2*6"], [{"totals": {"amount": "5"}}]),
    ("conditions", ROOT + 'number = "REF02 where REF01=A|B"\nrelease = "REF02 where REF01!=A|B"\n', ["REF*A*1", "REF*C*2"], [{"number": "1", "release": "2"}]),
    ("two conditions", ROOT + 'number = "REF02 where REF01=A and REF03"\n', ["REF*A*1", "REF*A*2*X"], [{"number": "2"}]),
    ("joined", ROOT + 'number = "BEG01+BEG03"\n', ["BEG*00*SA*1"], [{"number": "00 1"}]),
    ("words and codes without one", ROOT + 'type = "BEG02 in types"\npurpose = "BEG01 in types"\n[words.types]\nSA = "stand-alone"\n', ["BEG*00*SA"], [{"type": "stand-alone", "purpose": "x12:00"}]),
    ("implied decimals", ROOT + 'totals.amount = "TDS01 with 2 places"\n', ["TDS*12345"], [{"totals": {"amount": "123.45"}}]),
    ("a struct of two segments", ROOT + 'totals = { line_count = "CTT01", amount = "AMT02" }\n', ["CTT*3", "AMT*TT*9"], [{"totals": {"line_count": "3", "amount": "9"}}]),
    ("groups", ROOT + LINE + 'products = [{ every = "PO106/2", scheme = "PO106", value = "PO107" }]\n', ["PO1*1*****UP*1*VN**EN*3"], [{"lines": [{"number": "1", "products": [{"scheme": "UP", "value": "1"}, {"scheme": "EN", "value": "3"}]}]}]),
    ("loops part what is alike", ROOT + PARTY + 'identifiers = [{ scheme = "REF01", value = "REF02" }]\n' + LINE + 'references = [{ scheme = "REF01", value = "REF02" }]\n', ["N1*BY*A", "REF*1*2", "PO1*1", "REF*3*4", "N1*ST*B"], [{"parties": [{"role": "BY", "name": "A", "identifiers": [{"scheme": "1", "value": "2"}]}, {"role": "ST", "name": "B"}], "lines": [{"number": "1", "references": [{"scheme": "3", "value": "4"}]}]}]),
    ("a loop around takes what the inner one does not", ROOT + 'notes = [{ text = "MSG01" }]\n' + LINE, ["PO1*1", "MSG*TEXT"], [{"lines": [{"number": "1"}], "notes": [{"text": "TEXT"}]}]),
    ("nor what is passed over", ROOT + 'notes = [{ text = "MSG01" }]\n[loop.SLN]\nin = "PO1"\nbegins = "SLN"\npassed_over = true\n' + LINE, ["PO1*1", "SLN*1", "MSG*TEXT", "PO1*2", "MSG*OURS"], [{"lines": [{"number": "1"}, {"number": "2"}], "notes": [{"text": "OURS"}]}]),
    ("a loop that is only a place", ROOT + '[loop.CTT]\nbegins = "CTT"\ntotals = { line_count = "CTT01", amount = "AMT02" }\n', ["AMT*TT*1", "CTT*3", "AMT*TT*9"], [{"totals": {"line_count": "3", "amount": "9"}}]),
    ("nor what a closed loop does not take", ROOT + 'notes = [{ text = "MSG01" }]\n[loop.N1]\nbegins = "N1"\nclosed = true\n' + LINE, ["MSG*1", "N1*BY", "MSG*2", "PO1*1", "MSG*3"], [{"notes": [{"text": "1"}, {"text": "3"}], "lines": [{"number": "1"}]}]),
    ("the more exact loop is asked first", ROOT + '[loop.any]\nbegins = "N1"\npassed_over = true\n[loop.buyer]\nbegins = "N1 where N101=BY"\ninto = "parties"\nrole = "\'buyer\'"\nname = "N102"\n', ["N1*ST*A", "N1*BY*B"], [{"parties": [{"role": "buyer", "name": "B"}]}]),
    ("of the record", SHIPMENT + '[set]\nrecord = true\n[loop.O]\nbegins = "HL where HL03=O"\ninto = "orders"\nnumber = "PRF01"\n[loop.I]\nin = "O"\nbegins = "HL where HL03=I"\ninto = "/items"\nnumber = "LIN01"\n', ["HL*1**O", "PRF*P1", "HL*2*1*I", "LIN*1"], [{"orders": [{"number": "P1"}], "items": [{"number": "1"}]}]),
    ("a field of the record itself", ROOT + LINE + '"/release" = "REF02"\nprice = "PO104"\n', ["PO1*1***5", "REF*A*2", "PO1*2"], [{"lines": [{"number": "1", "price": "5"}, {"number": "2"}], "release": "2"}]),
    ("below", SHIPMENT + '[set]\nrecord = true\n[loop.O]\nbegins = "HL where HL03=O"\ninto = "orders"\nnumber = "PRF01"\nbelow = { order = "PRF01" }\n[loop.I]\nin = "O"\nbegins = "HL where HL03=I"\ninto = "/items"\nnumber = "LIN01"\n', ["HL*1**O", "PRF*P1", "HL*2*1*I", "LIN*1", "HL*3**O", "PRF*P2", "HL*4*3*I", "LIN*2"], [{"orders": [{"number": "P1"}, {"number": "P2"}], "items": [{"order": "P1", "number": "1"}, {"order": "P2", "number": "2"}]}]),
    ("currency of what follows", CLAIM + '[set]\ntype = "\'P\'"\n[loop.A]\nbegins = "HL"\nin_currency = "CUR02"\n[loop.C]\nin = "A"\nbegins = "CLM"\nrecord = true\ntotal_charge = "CLM02"\n', ["HL*1", "CLM*1*5", "CUR*85*CAD", "CLM*2*6", "HL*2", "CLM*3*7"], [{"type": "P", "total_charge": {"amount": "5"}}, {"type": "P", "total_charge": {"amount": "6", "currency": "CAD"}}, {"type": "P", "total_charge": {"amount": "7"}}]),
    ("currency named in a mere place is that of the object around", CLAIM + '[set]\nrecord = true\n[loop.CUR]\nbegins = "CUR"\nin_currency = "CUR02"\n[loop.N1]\nbegins = "N1"\n[loop.LX]\nbegins = "LX"\ninto = "lines"\ncharge = "SV102"\n', ["CUR*85*CAD", "N1*1", "LX*1", "SV1**5"], [{"lines": [{"charge": {"amount": "5", "currency": "CAD"}}]}]),
    ("levels carry over, lists join", CLAIM + '[loop.A]\nbegins = "HL"\nnotes = [{ text = "NTE01" }]\npayer.group = "SBR01"\n[loop.C]\nin = "A"\nbegins = "CLM"\nrecord = true\nclaim_id = "CLM01"\nnotes = [{ text = "NTE01" }]\npayer.filing = "CLM02"\n', ["HL*1", "SBR*G", "NTE*A", "CLM*1*F", "NTE*B", "CLM*2"], [{"notes": [{"text": "A"}, {"text": "B"}], "payer": {"group": "G", "filing": "F"}, "claim_id": "1"}, {"notes": [{"text": "A"}], "payer": {"group": "G"}, "claim_id": "2"}]),
    ("alone", CLAIM + '[set]\nalone = true\nbatch = "BHT03"\n[loop.C]\nbegins = "CLM"\nrecord = true\nclaim_id = "CLM01"\n', ["BHT*1*2*3"], [{"batch": "3"}]),
    ("two kinds of records, and a segment that belongs to the first of them once", CLAIM + '[set]\ntype = "\'P\'"\n[loop.A]\nbegins = "SBR"\nrecord = true\nclaim_id = "SBR01"\n[loop.B]\nin = "A"\nbegins = "CLM"\nonce = true\nfrequency = "CLM01"\n[loop.C]\nbegins = "CLM"\nrecord = true\nfrequency = "CLM01"\n', ["SBR*1", "CLM*2", "CLM*3", "SBR*4", "SBR*5", "CLM*6"], [{"type": "P", "claim_id": "1", "frequency": "2"}, {"type": "P", "frequency": "3"}, {"type": "P", "claim_id": "4"}, {"type": "P", "claim_id": "5", "frequency": "6"}]),
    ("begun by its first segment", ORDER + '[set]\nrecord = true\nbegins = "BEG"\nnumber = "BEG03"\nrelease = "REF02"\n', ["REF*A*1"], []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "segments", "made"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_segments_make(text, segments, made):
    assert walk(text, *segments) == made


LEVELS = (
    SHIPMENT
    + """levels = "HL01 HL02"
[set]
record = true
[loop.O]
begins = "HL where HL03=O"
into = "orders"
number = "PRF01"
below = { order = "PRF01" }
[loop.P]
in = "O"
begins = "HL where HL03=P"
into = "/packages"
id = "HL01"
below = { package = "MAN02" }
[loop.I]
in = ["P", "O"]
begins = "HL where HL03=I"
into = "/items"
number = "LIN01"
"""
)


def test_the_level_above_decides_where_a_level_stands():
    segments = ["HL*1**O", "PRF*P1", "HL*2*1*P", "MAN*GM*BOX", "HL*3*2*I", "LIN*1", "HL*4*1*I", "LIN*2"]
    (made,) = walk(LEVELS, *segments)
    assert made["items"] == [{"order": "P1", "package": "BOX", "number": "1"}, {"order": "P1", "number": "2"}]
    segments[6] = "HL*4**I"  # Where it is not said, it is the one that is open.
    (made,) = walk(LEVELS, *segments)
    assert made["items"][1] == {"order": "P1", "package": "BOX", "number": "2"}


def test_a_map_over_another():
    base = ORDER + '[set]\nrecord = true\nnumber = "BEG03"\nrelease = "BEG04"\ntype = "BEG02"\n'
    over = 'id = "mine-1"\nextends = "base.toml"\n[set]\nnumber = "BEG01"\nrelease = false\n'
    assert walk(over, "BEG*00*SA*1*2", others={"base.toml": base}) == [{"number": "00", "type": "SA"}]
    with pytest.raises(MapError, match="there is no such file"):
        read_map(over, "mine.toml", "", {"bas.toml": base})


def test_a_value_that_makes_no_sense_is_told_of_where_it_stands():
    finding, made = walk(ROOT + LINE + 'price = "PO104"\n', "PO1*1", "PO1*2***x", "PO1*3***1.50")
    assert (finding.code, finding.element, finding.position, finding.offset) == ("x12.not-a-number", "PO104", 3, 1)
    assert made == {"lines": [{"number": "1"}, {"number": "2"}, {"number": "3", "price": "1.50"}]}


def test_what_two_fields_ask_for_is_told_of_once():
    told = walk(ROOT + 'date = "BEG05"\ndates = [{ kind = "BEG01", period = "BEG05" }]\n', "BEG*00*SA*1**20261332")
    assert [one.code for one in told if isinstance(one, Finding)] == ["x12.not-a-date"]


def test_the_example_of_the_documentation_can_be_read():
    from pathlib import Path

    text = (Path(__file__).parents[4] / "docs" / "maps.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    shared = '[words.purposes]\n"00" = "original"\n[words.dates]\n[words.products]\n'
    made = read_map(example, "docs/maps.md", shared)
    assert (made.id, sorted(made.loops)) == ("850-2", ["", "PO1"])
