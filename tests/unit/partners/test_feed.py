"""What a feed says of a file by its folder, name and bounds; and whose ids an envelope has."""

import pytest
from pydantic import ValidationError

from partners.feed import EDI, Feed, NameParts
from partners.trading_partner import is_among


@pytest.mark.parametrize(
    ("pattern", "name", "told"),
    [
        ("*.837", b"a.837", NameParts()),
        ("{entity}_{cycle}_{sequence}_{usage}.edi", b"EAST_0301_0017_T.edi", NameParts("EAST", "0301", 17, "test")),
        ("{entity}_*.edi", b"WEST_x_y.edi", NameParts("WEST")),
        ("claims.{sequence}.{usage}*", b"claims.4.PROD.gz", NameParts(None, None, 4, "production")),
        ("claims.{usage}.edi", b"claims.x.edi", NameParts(usage_known=False)),
        ("[ab]?{sequence}", b"ax7", NameParts(sequence=7)),
        ("*{sequence}.csv", b"stock-\xff-12.csv", NameParts(sequence=2)),
        ("*-{sequence}.csv", b"stock-\xff-12.csv", NameParts(sequence=12)),
    ],
)
def test_a_name_tells_what_its_pattern_names(pattern: str, name: bytes, told: NameParts) -> None:
    feed = Feed(name="f", pattern=pattern)
    assert feed.matches(b"/inbound", name)
    assert feed.parts(name) == told


@pytest.mark.parametrize(
    ("pattern", "name"), [("{sequence}.edi", b"x.edi"), ("*.837", b"a.837.tmp"), ("{entity}.edi", b".edi")]
)
def test_another_name_is_not_of_the_feed(pattern: str, name: bytes) -> None:
    feed = Feed(name="f", pattern=pattern)
    assert not feed.matches(b"/inbound", name)
    assert feed.parts(name) == NameParts()


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"pattern": "{partner}.edi"}, "there is no part {partner} of a name"),
        ({"pattern": "{sequence}-{sequence}"}, "{sequence} stands in it twice"),
        ({"expect": ["x21"]}, "there is no standard `x21`"),
        ({"min_bytes": 5, "max_bytes": 4}, "min_bytes is more than max_bytes"),
        ({"min_sets": 2, "max_sets": 1}, "min_sets is more than max_sets"),
    ],
)
def test_what_cannot_be_meant_is_refused(says: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Feed.model_validate({"name": "f", **says})
    assert words in str(refused.value)


def test_what_is_expected() -> None:
    assert Feed(name="f").expected is None
    assert Feed(name="f", expect="edi").expected == EDI
    assert Feed.model_validate({"name": "f", "expect": ["csv", "pdf"]}).expected == ("csv", "pdf")


@pytest.mark.parametrize(
    ("qualifier", "edi_id", "found"),
    [("ZZ", "EAST", True), ("30", "EAST", False), ("30", "WEST", True), (None, "WEST", True), ("ZZ", None, False)],
)
def test_an_id_counts_with_its_qualifier_where_that_is_given(
    qualifier: str | None,
    edi_id: str | None,
    found: bool,  # noqa: FBT001  A column of the table.
) -> None:
    assert is_among(("ZZ:EAST", "WEST"), qualifier, edi_id) is found
