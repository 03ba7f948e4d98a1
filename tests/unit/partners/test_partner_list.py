"""Rows of a list of partners, and what they become."""

import pytest

from partners.connection import Key
from partners.partner_list import OPTIONAL, REQUIRED, as_name, connection_of, trading_partner_of

KEY = Key(key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43)
ID = "a" * 26


def row(**cells: str) -> dict[str, str]:
    return dict.fromkeys((*REQUIRED, *OPTIONAL), "") | cells


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("acme", "acme"),
        ("Acme Hospital, Inc.", "acme-hospital-inc"),
        ("Klinik Süd", "klinik-sud"),
        ("a" * 80, "a" * 64),
        ("病院", ""),
    ],
)
def test_a_name_that_comes_near(text: str, name: str) -> None:
    assert as_name(text) == name


def test_a_row_is_a_connection_with_one_login() -> None:
    made = connection_of(row(name="North Clinic", edi_ids="ZZ:NORTH; NC", feed="Claims", folder="/claims/"), ID, [KEY])
    assert (made.name, made.logins[0].user, made.logins[0].keys) == ("north-clinic", "north-clinic", [KEY])
    assert made.trading_partners[0].ids == ("ZZ:NORTH", "NC")
    assert (made.feeds[0].name, made.feeds[0].folder) == ("claims", "/inbound/claims")
    assert made.uploads.folders == ("claims",)


@pytest.mark.parametrize(
    ("cells", "keys", "words"),
    [
        ({"name": ""}, [KEY], "`name` is empty"),
        ({"name": "a"}, [], "passwords are not taken"),
        ({"name": "a", "login": "A B"}, [KEY], "cannot be one"),
    ],
)
def test_a_row_that_cannot_be_one(cells: dict[str, str], keys: list[Key], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        connection_of(row(**cells), ID, keys)


@pytest.mark.parametrize(
    ("cells", "words"), [({"edi_ids": ""}, "`edi_ids` is empty"), ({"edi_ids": "A", "login": "a"}, "`login`")]
)
def test_a_trading_partner_has_ids_and_no_login(cells: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        trading_partner_of(row(name="a", **cells))
