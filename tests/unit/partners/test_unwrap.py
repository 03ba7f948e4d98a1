"""What a partner file may say of unwrapping, and what of it is refused."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from partners.feed import Feed
from partners.unwrap import Unwrap
from tests.harness import ROOT

KEY = "2E2E6F2A9D3C1B4F8A7E5C60D1B2334455667788"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (True, Unwrap()),
        ({}, Unwrap()),
        (False, None),
        ({"allow": ["zip"], "depth": 1}, Unwrap(allow=("zip",), depth=1)),
    ],
)
def test_short_forms(said: object, meant: Unwrap | None) -> None:
    assert Feed(name="f", unwrap=said).unwrap == meant


@pytest.mark.parametrize(
    "said",
    [
        {"depth": 0},
        {"depth": 17},
        {"members_max": 10_001},
        {"bytes_max": 0},
        {"allow": []},
        {"allow": ["tar"]},
        {"deep": 1},
    ],
)
def test_what_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Feed(name="f", unwrap=said)


def test_fingerprints_are_whole() -> None:
    spaced = " ".join(re.findall("....", KEY.lower()))
    assert Feed(name="f", unwrap=True, pgp={"signed_by": [spaced]}).pgp.signed_by == (KEY,)
    for short in ("D1B2334455667788", KEY[:-1], "0x" + KEY, ""):
        with pytest.raises(ValidationError):
            Feed(name="f", unwrap=True, pgp={"signed_by": [short]})


@pytest.mark.parametrize("unwrap", [False, {"allow": ["zip", "gzip"]}])
def test_a_signature_that_nobody_would_look_at_is_refused(unwrap: object) -> None:
    with pytest.raises(ValidationError, match="does not unwrap them"):
        Feed(name="f", unwrap=unwrap, pgp={"signed_by": [KEY]})


def test_the_page_says_what_can_be_said() -> None:
    page = Path(ROOT / "docs" / "unwrapping.md").read_text(encoding="utf-8")
    example = re.search(r"(?m)^    \[\[feeds\]\]\n(?:    .*\n|\n)+", page)
    assert example
    (feed,) = tomllib.loads(example[0])["feeds"]
    assert Feed(**feed).pgp.signed_by == (KEY,)
    for key, field in Unwrap.model_fields.items():
        told = re.search(rf"(?m)^\| `{key}` \| `?(.+?)`? \|", page)
        assert told, key
        default = field.default
        assert told[1].replace('"', "'") == (str(list(default)) if isinstance(default, tuple) else str(default))
