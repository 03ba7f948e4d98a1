"""Map files: what is wrong in one is said with its place, and nothing in one is ever run."""

import pytest

from parsers.findings import Location
from parsers.maps.engine import Compiled, Walk
from parsers.maps.language import read_map
from parsers.maps.model import MapError
from parsers.x12.delimiters import Delimiters
from parsers.x12.values import values

HEAD = 'id = "test-1"\nrecord = "purchase-order/2"\nstandard = "x12"\nsets = ["850"]\n'
SET = HEAD + "[set]\nrecord = true\n"

WRONG = [
    ("no record", 'id = "a-1"\nstandard = "x12"\n', "`record` is missing"),
    ("unknown key", HEAD + "loops = 1\n", "did you mean `loop`?"),
    ("unknown record", HEAD.replace("purchase-order/2", "purchase-order/9"), "did you mean `purchase-order/2`?"),
    ("unknown standard", HEAD.replace("x12", "x13"), "has no maps of segments"),
    ("unknown field", SET + 'nmber = "BEG03"\n', "did you mean `number`?"),
    ("no element", SET + 'number = "BEG3"\n', "is no element of x12"),
    ("two segments", SET + 'number = "BEG03 where REF01=A"\n', "more than one segment"),
    ("unknown words", SET + 'type = "BEG02 in type"\n[words.types]\nA = "a"\n', "did you mean `types`?"),
    ("unknown shape", SET + 'parties = "N1 as party"\n', "there is no shared `party`"),
    ("no condition", SET + 'number = "BEG03 where =1"\n', "is no condition"),
    ("two segments in an item", SET + 'references = [{ scheme = "REF01", value = "N901" }]\n', "comes from one segment"),
    ("every", SET + 'products = [{ every = "PO106" }]\n', "is not a field of PurchaseOrder"),
    ("no record in it", HEAD, "a loop has `record = true`"),
    ("a record in another", SET + '[loop.N1]\nbegins = "N1"\nrecord = true\n', "loop N1 has `record = true`, and so has the set around it"),
    ("a loop of no record", HEAD + '[loop.BEG]\nbegins = "BEG"\nrecord = true\n[loop.N1]\nbegins = "N1"\nnumber = "N104"\n', "loop N1: no record stands in it"),
    ("over, without a value", SET + '[loop.PO1]\nbegins = "PO1"\ninto = "lines"\ndescriptions = { over = "PID05" }\n', "plain values"),
    ("over another segment", SET + '[loop.PO1]\nbegins = "PO1"\ninto = "lines"\ndescriptions = { over = "MSG01", value = "PID05" }\n', "two segments"),
    ("no beginning", SET + '[loop.N1]\ninto = "parties"\n', "`begins` is missing"),
    ("unknown parent", SET + '[loop.N1]\nin = "N2"\nbegins = "N1"\n', "there is no such loop"),
    ("a loop into what may be none", SET + '[loop.DTM]\nbegins = "DTM"\ninto = "dates"\n', "without `kind` that is none"),
    ("into what has no fields", SET + '[loop.N1]\nbegins = "N1"\ninto = "number"\n', "is not made of fields"),
    ("broken TOML", SET + "number = \n", "test.toml"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_said_with_its_place(text, said):
    with pytest.raises(MapError, match=r"test\.toml") as wrong:
        read_map(text, "test.toml")
    assert said in str(wrong.value)


HOSTILE = [
    "'); boom(); ('",
    '"); boom(); ("',
    "{boom()}",
    "\\'); boom()#",
    "\n    boom()\n",
    "__import__('os').abort()",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_map_is_run(text):
    """Wherever a map may hold free text, it stays text."""
    quoted = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    said = (
        SET
        + f'number = "BEG03"\nnotes = [{{ topic = "NTE01 in odd", text = "NTE02" }}]\n[words.odd]\n"{quoted}" = "{quoted}"\n'
        + f'[loop."{quoted}"]\nbegins = "N1"\ninto = "parties"\nrole = "N101"\nname = "N102"\n'
    )
    compiled = Compiled(read_map(said, "test.toml"), values(Delimiters("*", ":", "~", "^")))
    walk = Walk(compiled, Location(standard="x12", set=1, offset=0))
    texts = ["BEG*00*SA*1", f"NTE*{text}*B", "N1*BY*NAME"]
    segments = type(
        "Run", (), {"characters": texts, "texts": texts, "offset": 0, "position": 2, "byte": lambda _, at: at}
    )()
    (record,) = [*walk.feed(segments), *walk.finish(9)]
    assert record["parties"] == [{"role": "BY", "name": "NAME"}]
    assert record["notes"] == [{"topic": text, "text": "B"}]


@pytest.mark.parametrize("where", ['number = "BEG03 where BEG01={}"', 'number = "BEG03 where BEG01={}|00"'])
@pytest.mark.parametrize("text", [one for one in HOSTILE if not set(" \n") & set(one)])
def test_codes_of_conditions_are_not_run_either(where, text):
    quoted = where.format(text).replace('"', "'''", 1)[:-1] + "'''" if "'''" not in text else where.format("x")
    compiled = Compiled(read_map(SET + quoted + "\n", "test.toml"), values(Delimiters("*", ":", "~", "^")))
    walk = Walk(compiled, Location(standard="x12", set=1, offset=0))
    texts = ["BEG*99*SA*1", "REF*A*B"]
    segments = type(
        "Run", (), {"characters": texts, "texts": texts, "offset": 0, "position": 2, "byte": lambda _, at: at}
    )()
    assert [*walk.feed(segments), *walk.finish(9)] == []
