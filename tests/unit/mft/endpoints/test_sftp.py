"""The SFTP door's two tables: who is let in, and what an error is called on the wire."""

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType

import pytest

from mft import errors
from mft.endpoints.sftp import STATUS, authenticate, status_of
from mft.errors import MFTError
from mft.wire.sftp import Status
from partners.connection import Connection, Key, Login
from partners.load import Directory, Profile, profile_of


def blob(number: int) -> bytes:
    return b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32


def line(number: int, comment: str = "somebody") -> str:
    return f"ssh-ed25519 {base64.b64encode(blob(number)).decode()} {comment}"


ACME = Connection(
    id="a" * 26,
    name="acme",
    logins=[
        Login(user="acme", keys=[Key(key=line(1)), Key(key=line(2), expires=date(2026, 3, 1))]),
        Login(user="acme-reader", start="/outbound", keys=[Key(key=line(3))]),
    ],
)
OTHER = Connection(id="b" * 26, name="other", logins=[Login(user="other", keys=[Key(key=line(4))])])
OFF = Connection(id="c" * 26, name="off", enabled=False, logins=[Login(user="off", keys=[Key(key=line(5))])])
PROFILES: Mapping[str, Profile] = MappingProxyType({one.id: profile_of(one) for one in (ACME, OTHER, OFF)})
DIRECTORY = Directory(PROFILES)
DAY = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
NEXT_DAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("user", "key", "now", "who"),
    [
        ("acme", blob(1), DAY, ACME),
        ("acme", blob(2), DAY, ACME),
        ("acme-reader", blob(3), DAY, ACME),
        ("other", blob(4), DAY, OTHER),
        ("acme", blob(2), NEXT_DAY, None),  # Expired.
        ("acme", blob(1), NEXT_DAY, ACME),
        ("acme", blob(9), DAY, None),  # Nobody's key.
        ("acme", blob(4), DAY, None),  # Another partner's key.
        ("acme", blob(3), DAY, None),  # Another login's key of the same partner.
        ("other", blob(1), DAY, None),
        ("off", blob(5), DAY, None),  # Disabled.
        ("nobody", blob(1), DAY, None),
        ("", blob(1), DAY, None),
        ("ACME", blob(1), DAY, None),
        ("acme\0", blob(1), DAY, None),
        ("acme", b"", DAY, None),
        ("acme", blob(1)[:-1], DAY, None),
        ("acme", blob(1) + b"\0", DAY, None),
    ],
)
def test_who_is_let_in(user: str, key: bytes, now: datetime, who: Connection | None) -> None:
    principal = authenticate(DIRECTORY, user, key, now=now)
    assert (principal and principal.connection) == (who and who.id)
    if principal is not None and who is not None:
        login = next(login for login in who.logins if login.user == user)
        assert (principal.partner, principal.login, principal.start) == (who.name, user, login.start.encode())
        assert principal.profile_hash == PROFILES[who.id].hash
        assert principal.key_fingerprint.startswith("SHA256:")


def test_nobody_is_let_into_an_empty_house() -> None:
    assert authenticate(Directory(MappingProxyType({})), "acme", blob(1), now=DAY) is None


def kinds(root: type[MFTError] = MFTError) -> list[type[MFTError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


def test_every_kind_of_error_has_its_status() -> None:
    import mft.server  # noqa: F401  Everything that defines an error.

    expected = {
        errors.NotSupported: Status.OP_UNSUPPORTED,
        errors.Refused: Status.PERMISSION_DENIED,
        errors.Malformed: Status.BAD_MESSAGE,
        errors.NotWhole: Status.FAILURE,
        errors.Missing: Status.NO_SUCH_FILE,
    }
    for kind in kinds():
        nearest = next((known for known in kind.__mro__ if known in expected), None)
        assert status_of(kind("x")) is (expected[nearest] if nearest else Status.FAILURE), kind


def test_no_error_is_a_success() -> None:
    assert {Status.OK, Status.EOF}.isdisjoint(STATUS.values())
