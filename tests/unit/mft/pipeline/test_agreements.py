"""From partner files to the parsers' words: the same sets match on both sides, and what names nothing is told."""

from pathlib import Path
from types import MappingProxyType

import pytest

import parsers
from mft.pipeline.agreements import NOTHING_AGREED, Agreed, judging, problems
from parsers.events import SetClosed
from parsers.guides.terms import Judging
from parsers.judged import interchanges
from partners.agreement import Agreement
from partners.connection import Connection, Key, Login
from partners.load import Directory, GuideFile, profile_of
from tests.harness import sample
from tests.unit.mft.pipeline.conftest import _KEY_LINE

OVERLAY = """\
id = "acme-837"
extends = "x12/005010X222A1"

[[change]]
at = "2010AA/N4/03"
length = "3/15"
source = "made up"
"""


def guide(
    text: str,
    *,
    id: str = "acme-837",  # noqa: A002
    extends: str | None = "x12/005010X222A1",
    file: str = "acme",
) -> GuideFile:
    return GuideFile(id, extends, Path(f"config/guides/{file}.toml"), text, "0" * 64)


def directory(*agreements: Agreement, guides: tuple[GuideFile, ...] = ()) -> Directory:
    login = Login(user="acme", keys=[Key(key=_KEY_LINE)])
    connection = Connection(id="a" * 26, name="acme", logins=[login], agreements=agreements)
    return Directory({"a" * 26: profile_of(connection)}, MappingProxyType({one.id: one for one in guides}))


def test_a_connection_without_agreements_is_judged_by_the_defaults() -> None:
    assert NOTHING_AGREED.judging == Judging(quote="codes")
    assert Agreed(directory(), "a" * 26).judging == Judging(quote="codes")
    assert Agreed(directory(), "nobody").profile is None


def test_guides_go_along_where_they_are_named_with_those_that_they_extend() -> None:
    own = guide('id = "own"', id="own", extends=None, file="own")
    over = guide('id = "over"', id="over", extends="own", file="over")
    more = guide('id = "more"', id="more", extends="more", file="more")  # It can never be laid over itself.
    guides = {one.id: one for one in (own, over, more)}
    assert judging([Agreement(guide="over")], guides).overlays == {
        "config/guides/over.toml": over.text,
        "config/guides/own.toml": own.text,
    }
    assert judging([Agreement(guide="x12/005010X222A1")], guides).overlays == {}
    assert judging([Agreement(guide="more")], guides).overlays == {"config/guides/more.toml": more.text}


@pytest.mark.parametrize(
    "agreement",
    [
        Agreement(guide="acme-837"),
        *(
            Agreement(guide="acme-837", **{key: value})  # type: ignore[arg-type]
            for key, values in {
                "standard": ("x12", "edifact"),
                "set": ("837", "835"),
                "version": ("005010", "005010X222A1", "004010"),
                "sender": ("SAMPLESENDER", "OTHER"),
                "receiver": ("SAMPLEPAYER", "SAMPLESENDER"),
                "usage": ("T", "P"),
            }.items()
            for value in values
        ),
    ],
    ids=lambda agreement: str(agreement.model_dump(exclude_defaults=True)),
)
def test_the_judge_and_the_answer_follow_the_same_agreement(agreement: Agreement) -> None:
    agreed = Agreed(directory(agreement, guides=(guide(OVERLAY),)), "a" * 26)
    events = list(parsers.read([sample("claims-837p.edi")], judge=agreed.judging))
    (interchange,) = interchanges(events)
    (closed,) = [event for event in events if isinstance(event, SetClosed)]
    assert ("acme-837" in (closed.guide or "")) is (agreed.on(interchange) == agreement)


@pytest.mark.parametrize(
    ("agreement", "guides", "says"),
    [
        (Agreement(guide="acme-837"), (guide(OVERLAY),), None),
        (Agreement(guide="x12/005010X222A1"), (), None),
        (
            Agreement(guide="nowhere"),
            (),
            "acme: there is no guide `nowhere`, neither on the shelf nor in config/guides",
        ),
        (Agreement(guide="nowhere"), (guide(OVERLAY),), "mend the name; config/guides has acme-837"),
        (Agreement(), (guide(OVERLAY.replace("X222A1", "X999")),), "acme.toml:2: `extends`: there is no guide"),
        (Agreement(), (guide(OVERLAY.replace("2010AA", "9999")),), "config/guides/acme.toml: change at `9999/N4/03`"),
        (Agreement(), (guide('id = "own"', id="own", extends=None),), "config/guides/acme.toml: "),
    ],
)
def test_what_names_nothing_is_told_with_its_place(
    agreement: Agreement, guides: tuple[GuideFile, ...], says: str | None
) -> None:
    found = list(problems(directory(agreement, guides=guides)))
    if says is None:
        assert found == []
    else:
        assert says in found[0]
        assert len(found) == 1
