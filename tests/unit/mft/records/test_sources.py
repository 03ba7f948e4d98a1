"""docs/records.md names for each type of record what it is made of."""

from pathlib import Path

from mft.records.views import plural
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.maps import shelf

DOCS = Path(__file__).parents[4] / "docs" / "records.md"
NAMES = {
    "x12": "X12", "edifact": "EDIFACT", "hl7": "HL7", "swift-mt": "SWIFT", "nacha": "NACHA", "bai2": "BAI2",
    "iso20022": "ISO 20022",
}  # fmt: skip


def sources(schema: str) -> str:
    """Of sets that several maps read, the maps: 837D, 837I, 837P; of single events of a message, the message."""
    made = []
    for standard in shelf.FOLDERS:
        maps = [one for one in shelf.maps(standard) if one.schema == schema]
        sets = [code for one in maps for code in one.sets]
        several = {code for code in sets if sets.count(code) > 1}
        stems = [one.id.rpartition("-")[0].upper() for one in maps if several & set(one.sets)]
        names = sorted(
            {
                *stems,
                *(
                    code.removeprefix("MT") if standard == "swift-mt" else code.partition("^")[0]
                    for code in set(sets) - several
                ),
            }
        )
        if names:
            made.append(f"{NAMES[standard]} {', '.join(names)}")
    return "; ".join(made)


def view(schema: str) -> str:
    return plural(schema.partition("/")[0].replace("-", "_"))


def test_each_type_has_its_sources():
    text = DOCS.read_text(encoding="utf-8")
    rows = [f"| `{schema}` | `{view(schema)}` | {sources(schema)} |" for schema in BY_SCHEMA]
    missing = [row for row in rows if row not in text]
    assert not missing, "\n".join(missing)
