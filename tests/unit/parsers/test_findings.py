import msgspec

from parsers.findings import Finding, Location

KEYS = [
    "code",
    "level",
    "severity",
    "standard",
    "set",
    "path",
    "segment",
    "position",
    "element",
    "offset",
    "message",
    "hint",
]


def test_a_finding_serialises_to_exactly_the_agreed_keys():
    finding = Finding.at(Location(standard="x12"), "x12.se-missing", "Where.", "How.")
    assert list(msgspec.json.decode(msgspec.json.encode(finding))) == KEYS


def test_a_finding_stands_where_its_location_says():
    place = Location(
        standard="x12", set=3, path="ISA[1]/GS[1]/ST[3]", segment="SE", position=9, element="SE01", offset=812
    )
    finding = Finding.at(place, "x12.se01-count-mismatch", "m", "h", severity="warning", level=2)
    assert finding == Finding(
        code="x12.se01-count-mismatch",
        level=2,
        severity="warning",
        standard="x12",
        set=3,
        path="ISA[1]/GS[1]/ST[3]",
        segment="SE",
        position=9,
        element="SE01",
        offset=812,
        message="m",
        hint="h",
    )
