"""Records against the trees that Smooks makes of the same messages: elements by their numbers, groups one in the other.

What a group says is taken out of the tree by those, and compared with the record field by field. Two of the files are
messages without an interchange, which is put around them here. The trees of D.93A and D.96A with long names say the
same as those with numbers.

Nothing differs.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch
from tests import corpus

pytestmark = corpus.needed

FOLDER = corpus.ROOT / "edifact" / "smooks-smooks-edi-cartridge"
DATA = "edifact-cartridge/src/test/resources/data"
FILES = {
    f"{DATA}/ORDERS_D.03B_Interchange.txt": f"{DATA}/ORDERS_D.03B_Interchange.xml",
    f"{DATA}/BAD_ORDERS_D.03B_Interchange.txt": f"{DATA}/BAD_ORDERS_D.03B_Interchange.xml",
    f"{DATA}/INVOIC_D.03B_Interchange_with_UNA.txt": f"{DATA}/INVOIC_D.03B_Interchange_with_UNA.xml",
    "edg/src/test/resources/invoic/invoic.txt": "edg/src/test/resources/invoic/expected.xml",
    "edg/src/test/resources/recadv/recadv.txt": "edg/src/test/resources/recadv/expected.xml",
    "ect/src/test/resources/testfiles/d93a-invoic-shortname/input.edi": "ect/src/test/resources/testfiles/d93a-invoic-shortname/expected-result.xml",
    "ect/src/test/resources/testfiles/d96a-invoic-shortname/input.edi": "ect/src/test/resources/testfiles/d96a-invoic-shortname/expected-result.xml",
}
PLAIN_TYPES = {"QTY": {"ORDERS": "21|1", "INVOIC": "47|46|12|1|21", "RECADV": "48|194|46|1"}, "MOA": "203|66|38"}


def name(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]


def is_group(node: ET.Element) -> bool:
    return name(node).startswith(("SegGrp", "Segment_group", "Segment_Group"))


def texts(node: ET.Element, number: str) -> list[str]:
    return [one.text for one in node.iter() if name(one).lstrip("Ee") == number and one.text]


def text(node: ET.Element | None, number: str) -> str | None:
    return next(iter(texts(node, number)), None) if node is not None else None


def own(node: ET.Element, tag: str) -> list[ET.Element]:
    """Segments of a group itself."""
    return [one for one in node if name(one) == tag]


def groups(node: ET.Element, tag: str) -> list[ET.Element]:
    """Groups in it that begin with a segment of this tag."""
    return [one for one in node if is_group(one) and name(one[0]) == tag]


def number_of(text: str | None) -> str | None:
    return text.replace(",", ".") if text else None


def day(text: str | None) -> str | None:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if text else None


def first_of(nodes: list[ET.Element], qualifier: str, codes: str) -> ET.Element | None:
    """In the order of the codes."""
    return next((one for code in codes.split("|") for one in nodes if text(one, qualifier) == code), None)


def references(node: ET.Element, *others: str) -> list[str]:
    found = [group[0] for group in groups(node, "RFF")]
    return [one for rff in found if text(rff, "1153") not in others if (one := text(rff, "1154"))]


def said(message: ET.Element) -> Iterator[tuple[str, Any]]:
    """Fields, and what the tree says of each."""
    kind = name(message)
    yield "number", text(own(message, "BGM")[0], "1004")
    yield "issued_at" if kind == "RECADV" else "date", day(text(first_of(own(message, "DTM"), "2005", "137"), "2380"))
    yield "references", references(message, "ON")
    yield "currency", next((text(group[0], "6345") for group in groups(message, "CUX")), None)
    for at, group in enumerate(groups(message, "NAD")):
        party, nad = f"parties[{at}]", group[0]
        yield f"{party}.name", " ".join(texts(nad, "3036")) or text(nad, "3124")
        yield f"{party}.identifiers", [*texts(nad, "3039"), *references(group)]
        yield f"{party}.address.lines", texts(nad, "3042")
        yield f"{party}.address.city", text(nad, "3164")
        yield f"{party}.address.postal_code", text(nad, "3251")
        yield f"{party}.address.country", text(nad, "3207")
        for nth, contact in enumerate(groups(group, "CTA")):
            yield f"{party}.contacts[{nth}].name", text(contact[0], "3412")
            channels = {text(one, "3155"): text(one, "3148") for one in own(contact, "COM")}
            yield f"{party}.contacts[{nth}].phone", channels.get("TE")
            yield f"{party}.contacts[{nth}].fax", channels.get("FX")
    lines = [line for level in (groups(message, "CPS") or [message]) for line in groups(level, "LIN")]
    for at, group in enumerate(lines):
        yield from said_of_line(group, f"{'items' if kind == 'RECADV' else 'lines'}[{at}]", kind)
    if kind == "INVOIC":
        amounts = groups(message, "MOA")
        total = first_of(amounts, "5025", "77|39|86|128|9")
        yield "totals.amount.amount", number_of(text(total, "5004"))
        yield "totals.tax.amount", number_of(text(first_of(amounts, "5025", "176|124|150"), "5004"))
        yield "totals.net.amount", number_of(text(first_of(amounts, "5025", "125|79"), "5004"))


def said_of_line(group: ET.Element, line: str, kind: str) -> Iterator[tuple[str, Any]]:
    lin = group[0]
    yield f"{line}.number", text(lin, "1082")
    additional = [one for pia in own(group, "PIA") if text(pia, "4347") in {"1", "5"} for one in texts(pia, "7140")]
    yield f"{line}.products", [*texts(lin, "7140"), *additional]
    yield f"{line}.descriptions", [one for imd in own(group, "IMD") if (one := " ".join(texts(imd, "7008")))]
    quantity = first_of(own(group, "QTY"), "6063", PLAIN_TYPES["QTY"][kind])
    yield f"{line}.quantity.value", number_of(text(quantity, "6060"))
    yield f"{line}.quantity.unit", text(quantity, "6411")
    if kind == "RECADV":
        return
    price = first_of([one[0] for one in groups(group, "PRI")], "5125", "AAA|AAB|INV")
    yield f"{line}.price", number_of(text(price, "5118"))
    yield f"{line}.price_basis", text(price, "6411")
    yield f"{line}.notes", [one for ftx in own(group, "FTX") if (one := " ".join(texts(ftx, "4440")))]
    if kind == "INVOIC":
        amount = first_of([one[0] for one in groups(group, "MOA")], "5025", PLAIN_TYPES["MOA"])
        yield f"{line}.amount.amount", number_of(text(amount, "5004"))
        yield f"{line}.order", text(first_of([one[0] for one in groups(group, "RFF")], "1153", "ON"), "1154")
        yield f"{line}.references", references(group, "ON")
        taxes = [text(one[1], "5004") for one in groups(group, "TAX") if len(one) > 1]
        yield f"{line}.taxes", [number_of(one) for one in taxes]
        charges = [groups(one, "MOA") for one in groups(group, "ALC")]
        yield f"{line}.charges", [number_of(text(one[0], "5004")) for one in charges]


LISTS = {"references": "value", "identifiers": "value", "products": "value", "notes": "text", "charges": "amount"}


def ours(record: Any, field: str) -> Any:
    """The same field of our record, lists of structs as a list of what they say."""
    value = record
    for step in field.replace("[", ".[").split("."):
        if value is None:
            return None
        if step.startswith("["):
            at = int(step[1:-1])
            value = value[at] if at < len(value) else None
        else:
            value = value.get(step)
    last = field.rpartition(".")[2]
    if last == "taxes":
        return [one["amount"]["amount"] for one in value or () if "amount" in one]
    if last in LISTS:
        return [one[LISTS[last]] for one in value or ()]
    return value if value is not None or last not in {"lines", "descriptions"} else []


def record_of(data: bytes, kind: str) -> dict[str, Any]:
    if not data.startswith((b"UNA", b"UNB")):
        data = b"UNB+UNOC:3+A+B+080421:1200+1'UNH+1+" + kind.encode() + b":D:96A:UN'" + data + b"UNT+1+1'UNZ+1+1'"
    (batch,) = [event for event in parsers.read([data]) if isinstance(event, RecordBatch)]
    return msgspec.json.decode(batch.ndjson)


def compared(file: str) -> Iterator[tuple[str, Any, Any]]:
    tree = ET.fromstring((FOLDER / FILES[file]).read_bytes())  # noqa: S314  Of the corpus.
    (message,) = [one for one in tree.iter() if name(one) in {"ORDERS", "INVOIC", "RECADV"}]
    record = record_of((FOLDER / file).read_bytes(), name(message))
    for field, theirs in said(message):
        yield field, theirs, ours(record, field)


@pytest.mark.parametrize("file", FILES)
def test_what_the_tree_says_is_in_the_record(file):
    rows = list(compared(file))
    assert len(rows) > 25
    different = {field for field, theirs, mine in rows if (theirs or None) != (mine or None)}
    assert different == set()


def test_how_much_agrees(capsys):
    same: Counter[str] = Counter()
    all_of: Counter[str] = Counter()
    for file in FILES:
        for field, theirs, mine in compared(file):
            if theirs or mine:
                kind = "".join(character for character in field if not character.isdigit()).replace("[]", "")
                all_of[kind] += 1
                same[kind] += (theirs or None) == (mine or None)
    with capsys.disabled():
        print()
        for kind, count in sorted(all_of.items()):
            print(f"{kind:32} {same[kind]:4} of {count:4}")
        print(f"{'all':32} {sum(same.values()):4} of {sum(all_of.values()):4}")
    assert same == all_of
    assert sum(all_of.values()) > 400
