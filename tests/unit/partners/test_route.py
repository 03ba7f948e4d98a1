"""Which file a route takes, as a table; and what config/routes.toml may not say."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from partners.load import load_directory
from partners.route import NAME_FIELDS, Piece, Route
from partners.strict_toml import BadFile

PIECE: dict[str, Any] = {
    "partner": "acme", "name": b"claims_0042.EDI", "standard": "x12", "usage": "production", "feed": "claims",
    "trading_partner": "hospital", "sets": {"837", "997"}, "receivers": [("ZZ", "PAYER")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "piece", "why"),
    [
        ({}, {}, None),
        ({"partner": "acme"}, {}, None),
        ({"partner": "bob"}, {}, "partner is acme, not bob"),
        ({"feed": "claims"}, {}, None),
        ({"feed": "claims"}, {"feed": None}, "feed is none, not claims"),
        ({"trading_partner": "hospital"}, {}, None),
        ({"trading_partner": "clinic"}, {}, "trading_partner is hospital, not clinic"),
        ({"file": "claims_*.EDI"}, {}, None),
        ({"file": "claims_*.edi"}, {}, "its name does not fit claims_*.edi"),
        ({"file": "*"}, {"name": b"\xff\xfe"}, None),
        ({"standard": "x12"}, {}, None),
        ({"standard": "pdf"}, {}, "standard is x12, not pdf"),
        ({"set": "837"}, {}, None),
        ({"set": "835"}, {}, "set is 837, 997, not 835"),
        ({"set": "835"}, {"sets": ()}, "set is none, not 835"),
        ({"receiver": "PAYER"}, {}, None),
        ({"receiver": "ZZ:PAYER"}, {}, None),
        ({"receiver": "30:PAYER"}, {}, "receiver is not 30:PAYER"),
        ({"receiver": "PAYER"}, {"receivers": ()}, "receiver is not PAYER"),
        ({}, {"usage": "test"}, "usage is test, not production"),
        ({"usage": "test"}, {"usage": "test"}, None),
        ({"usage": "test"}, {}, "usage is production, not test"),
        ({"usage": "any"}, {"usage": "test"}, None),
        ({"partner": "acme", "set": "835"}, {}, "set is 837, 997, not 835"),
    ],
)
def test_what_a_route_takes(keys: dict[str, Any], piece: dict[str, Any], why: str | None) -> None:
    route = Route(name="r", to="/srv/out", **keys)
    assert next(route.mismatches(Piece(**PIECE | piece)), None) == why


FIELDS = dict.fromkeys(NAME_FIELDS, b"x") | {"name": b"a.b.edi", "stem": b"a.b", "ending": b".edi", "interchange": b"7"}


@pytest.mark.parametrize(
    ("template", "part", "fields", "name"),
    [
        (None, False, {}, b"a.b.edi"),
        (None, True, {}, b"a.b-7.edi"),
        ("{partner}_{name}", False, {}, b"x_a.b.edi"),
        (None, False, {"name": b"a\nb/c\x7f"}, b"a_b_c_"),
        (None, False, {"name": b".."}, b"file-x"),
        (None, False, {"name": b"\xff"}, b"\xff"),
        (None, False, {"name": b"n" * 300}, b"n" * 255),
    ],
)
def test_what_a_file_is_called(template: str | None, part: bool, fields: dict[str, bytes], name: bytes) -> None:  # noqa: FBT001
    route = Route(name="r", to="/srv/out", name_template=template)
    assert route.called(FIELDS | fields, part=part) == name


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"to": "/srv/out", "to_partner": "acme"},
        {"to": "srv/out"},
        {"to": "/srv/../etc"},
        {"to": "/srv/out", "to_folder": "/outbound/x"},
        {"to_partner": "acme", "to_folder": "/inbound"},
        {"to_partner": "acme", "if_exists": "fail"},
        {"to": "/srv/out", "name_template": "{nme}"},
        {"to": "/srv/out", "name_template": "a/{name}"},
        {"to": "/srv/out", "mode": "0888"},
        {"to": "/srv/out", "usage": "live"},
    ],
)
def test_what_no_route_may_say(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Route(name="r", **keys)


def test_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "routes.toml"
    file.write_text(
        '[[routes]]\nname = "a"\nto = "/srv/a"\n\n'
        '[[routes]]\nname = "b"\nto = "/srv/b"\nname_template = "{nme}"\n\n'
        '[[routes]]\nname = "c"\nto = "/srv/c"\nname_template = "{name}"\n'
    )
    with pytest.raises(BadFile, match=r"routes.toml:8: .*there is no field \{nme\}"):
        load_directory(tmp_path / "partners", None, file)
