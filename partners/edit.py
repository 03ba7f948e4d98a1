"""Tables added to a partner file that people write by hand: every line and comment of theirs stays.

What comes out is read again, and held against what it should say; where that is not the same, nobody guesses.
"""

import re
import tomllib
from collections.abc import Sequence

from pydantic import ValidationError

from partners.connection import Connection, Key, Login
from partners.load import render_keys, render_tables
from partners.trading_partner import TradingPartner

_HEADER = re.compile(r"\s*\[")
_LOGIN = re.compile(r"\s*\[\[\s*logins\s*\]\]")
_KEYS = re.compile(r"\s*\[\[\s*logins\s*\.\s*keys\s*\]\]")
_REMARK = re.compile(r"\s*(#.*)?$")


class CannotEdit(Exception):
    """The file is written in a way that we do not know how to add to."""


def with_keys(text: str, connection: Connection, user: str, keys: Sequence[Key]) -> str:
    """The file with further keys of a login, or with a further login.

    Raises:
        CannotEdit: as above.
        ValueError: the connection would not be right any more.
    """
    users = [login.user for login in connection.logins]
    logins = list(connection.logins)
    lines = text.splitlines()
    if user in users:
        nth = users.index(user)
        old = logins[nth]
        logins[nth] = Login(user=old.user, start=old.start, keys=[*old.keys, *keys])
        at = _end_of_login(lines, nth)
        lines[at:at] = render_keys(keys)
    else:
        logins.append(Login(user=user, keys=list(keys)))
        lines += ["", "[[logins]]", f'user = "{user}"', *render_keys(keys)]
    return _checked(lines, connection, {"logins": logins})


def with_trading_partners(text: str, connection: Connection, partners: Sequence[TradingPartner]) -> str:
    """The file with further trading partners. Raises as `with_keys` does."""
    lines = [*text.splitlines(), *render_tables("trading_partners", partners)]
    return _checked(lines, connection, {"trading_partners": (*connection.trading_partners, *partners)})


def _end_of_login(lines: Sequence[str], nth: int) -> int:
    """Behind the last line of a login and its keys, before blank lines and comments of what follows."""
    begins = [at for at, line in enumerate(lines) if _LOGIN.match(line)]
    if len(begins) <= nth:
        raise CannotEdit
    at = begins[nth] + 1
    while at < len(lines) and (_KEYS.match(lines[at]) or not _HEADER.match(lines[at])):
        at += 1
    while _REMARK.match(lines[at - 1]):
        at -= 1
    return at


def _checked(lines: Sequence[str], connection: Connection, changed: dict[str, object]) -> str:
    wanted = Connection.model_validate(
        {**{name: getattr(connection, name) for name in type(connection).model_fields}, **changed}
    )
    text = "\n".join(lines) + "\n"
    try:
        if Connection.model_validate(tomllib.loads(text)) == wanted:
            return text
    except (tomllib.TOMLDecodeError, ValidationError):
        pass
    raise CannotEdit
