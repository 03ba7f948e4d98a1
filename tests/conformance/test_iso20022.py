"""Real files against the standard library's ElementTree, and what is said of those that their senders call good."""

from xml.etree import ElementTree as ET

import pytest

import parsers
from parsers import Raw, Segments
from parsers.events import Finished, SetOpened
from parsers.findings import Finding
from tests import corpus
from tests.corpus import ROOT

pytestmark = corpus.needed

ROWS = [
    row
    for row in corpus.ROWS
    if row["format"] == "iso20022" and not row["path"].endswith("/invalid_file1")  # It is JSON.
]

NOT_AS_LABELLED = {
    "musterfile_pain.001_Nov2020.xml": ("iso20022.nboftxs-mismatch",),  # It says 7 and has 8 transactions.
    "data/pain.001.001.03.xml": ("iso20022.ctrlsum-mismatch", "iso20022.nboftxs-mismatch"),  # A template's figures.
    "data/template.xml": ("iso20022.ctrlsum-mismatch", "iso20022.nboftxs-mismatch"),
    "c.107.1.1 camt.107-AtoB.xml": ("iso20022.namespace-unused",),  # It declares a prefix and does not use it.
    "invalid_file2": ("xml.ill-formed",),
    "invalid_pain_v11.xml": ("iso20022.namespace-missing",),
}
"""What we say of these files. All others are good; camt053.v2.wrong.xml only lacks elements."""

WITHOUT_MESSAGE = ("head001.nosignature.xml", "head001.signature.xml", "invalid_file2")


@pytest.mark.parametrize("row", [pytest.param(row, id=row["path"]) for row in ROWS])
def test_each_file_is_read_to_its_last_byte(row):
    data = (ROOT / row["path"]).read_bytes()
    items = list(parsers.segments([data]))
    assert b"".join(item.data for item in items if isinstance(item, Segments | Raw)) == data
    said = {item.code for item in items if isinstance(item, Finding)}
    assert said == set(next((codes for end, codes in NOT_AS_LABELLED.items() if row["path"].endswith(end)), ()))
    (last,) = (item for item in items if isinstance(item, Finished))
    assert (last.outcome, last.sets) == ("complete", not row["path"].endswith(WITHOUT_MESSAGE))
    names = {item.set for item in items if isinstance(item, SetOpened) and item.set}
    assert names <= set(row["set"].split("+")) or row["set"] in {"(other)", "head.001"}


def by_us(data: bytes) -> list[tuple[str, str]]:
    """Texts and attributes by path; text that comments or CDATA part stands together, as there."""
    made: list[tuple[str, str]] = []
    for item in parsers.segments([data]):
        if not isinstance(item, Segments):
            continue
        for at, segment in enumerate(item.texts):
            tag, follows = item.syntax.tag(segment), made and made[-1][0]
            for element in item.elements(at):
                if tag in {"#text", "#cdata-section"}:
                    if follows == element.name:
                        made[-1] = (element.name, made[-1][1] + element.text)
                    else:
                        made.append((element.name, element.text))
                elif element.name[:1] == "/" and "xmlns" not in element.name:
                    made.append((element.name.replace("@xsi:", "@"), element.text))
            if tag[0] == "/" and tag != "/":
                made.append(("", ""))  # Text of the next element is another.
    return [(path, text.strip()) for path, text in made if path and text.strip()]


def by_element_tree(data: bytes) -> list[tuple[str, str]]:
    def local(name: str) -> str:
        return name.rpartition("}")[2]

    def walk(element: ET.Element, above: str) -> list[tuple[str, str]]:
        path = f"{above}/{local(element.tag)}"
        made = [(f"{path}/@{local(key)}", value) for key, value in element.attrib.items()]
        made.append((path, element.text or ""))
        for child in element:
            made += [*walk(child, path), (path, child.tail or "")]
        return made

    root = ET.fromstring(data)  # noqa: S314  files of our own choosing
    return [(path, text.strip()) for path, text in walk(root, "") if text.strip()]


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row["path"]) for row in ROWS if "invalid_file" not in row["path"]]
)
def test_texts_and_attributes_are_those_that_another_reader_finds(row):
    data = (ROOT / row["path"]).read_bytes()
    assert by_us(data) == by_element_tree(data)
