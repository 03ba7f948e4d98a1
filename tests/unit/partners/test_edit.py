"""Keys and trading partners added to a file that people wrote: their lines stay, and it says what it should."""

import tomllib
from datetime import date

import pytest

from partners.connection import Connection, Key
from partners.edit import CannotEdit, with_keys, with_trading_partners
from partners.trading_partner import TradingPartner

OLD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
NEW = Key(key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43, expires=date(2031, 5, 6))
FILE = f"""# Written by hand.
id = "{"a" * 26}"
name = "acme"

[[logins]]  # Theirs.
user = "acme"
[[logins.keys]]
key = "{OLD}"

# The night shift.
[[logins]]
user = "acme-night"
keys = [{{ key = "{OLD}" }}]

[[feeds]]
name = "claims"  # As agreed.
"""


def parsed(text: str) -> Connection:
    return Connection.model_validate(tomllib.loads(text))


@pytest.mark.parametrize("user", ["acme", "acme-day"])
def test_a_key_goes_to_its_login_and_every_line_stays(user: str) -> None:
    text = with_keys(FILE, parsed(FILE), user, [NEW])
    keys = {login.user: login.keys for login in parsed(text).logins}
    assert keys[user][-1] == NEW
    lines = iter(text.splitlines())
    assert all(line in lines for line in FILE.splitlines())  # In their order.


def test_a_way_of_writing_that_is_not_known_is_left_alone() -> None:
    with pytest.raises(CannotEdit):
        with_keys(FILE, parsed(FILE), "acme-night", [NEW])


def test_a_key_that_would_go_to_another_login_is_not_added() -> None:
    text = FILE.replace("[[logins]]", '[["logins"]]', 1).replace("[[logins.keys]]", '[["logins".keys]]', 1)
    text = text.replace(f'keys = [{{ key = "{OLD}" }}]', f'[[logins.keys]]\nkey = "{OLD}"')
    with pytest.raises(CannotEdit):
        with_keys(text, parsed(text), "acme", [NEW])


def test_trading_partners_stand_behind_those_that_are_there() -> None:
    north, south = TradingPartner(name="north", ids=("ZZ:NORTH",)), TradingPartner(name="south", ids=("SOUTH",))
    text = with_trading_partners(FILE, parsed(FILE), [north])
    text = with_trading_partners(text, parsed(text), [south])
    assert parsed(text).trading_partners == (north, south)
    assert text.startswith(FILE)
    inline = FILE.replace("[[logins]]", "trading_partners = []\n[[logins]]", 1)
    with pytest.raises(CannotEdit):
        with_trading_partners(inline, parsed(inline), [north])
