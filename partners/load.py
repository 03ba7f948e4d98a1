"""Loads every partner file of a folder into one immutable directory."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from partners.connection import Connection, Login
from partners.strict_toml import BadFile, load_model


@dataclass(frozen=True, slots=True)
class Profile:
    """A connection as its file stood, with the SHA-256 of its canonical JSON."""

    connection: Connection
    hash: str
    body: str


@dataclass(frozen=True, slots=True)
class Directory:
    """All partner files at one moment, by connection id."""

    profiles: Mapping[str, Profile]

    def login(self, user: str) -> tuple[Profile, Login] | None:
        """The login of that name, of a connection that is enabled."""
        for profile in self.profiles.values():
            if profile.connection.enabled:
                for login in profile.connection.logins:
                    if login.user == user:
                        return profile, login
        return None

    def named(self, name: str) -> Profile | None:
        return next((p for p in self.profiles.values() if p.connection.name == name), None)


EMPTY = Directory(MappingProxyType({}))


def profile_of(connection: Connection) -> Profile:
    body = json.dumps(connection.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return Profile(connection, hashlib.sha256(body.encode()).hexdigest(), body)


def load_directory(folder: Path) -> Directory:
    """Read `folder/*.toml`.

    Raises:
        BadFile: with every problem of every file, a line each.
    """
    problems: list[str] = []
    profiles: dict[str, Profile] = {}
    taken: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            connection = load_model(Connection, path)
        except BadFile as error:
            problems.append(str(error))
            continue
        claims = [("id", connection.id), ("name", connection.name)]
        claims += [("user", login.user) for login in connection.logins]
        for kind, value in claims:
            if (kind, value) in taken:
                problems.append(f"{path}:1: the {kind} `{value}` is in {taken[kind, value]} already")
            taken[kind, value] = path
        profiles[connection.id] = profile_of(connection)
    if problems:
        raise BadFile("\n".join(problems))
    return Directory(MappingProxyType(profiles))


def render(connection: Connection) -> str:
    """A connection as a partner file, ready to be edited by hand."""
    lines = [
        f'id = "{connection.id}"  # Made once; never change it.',
        f'name = "{connection.name}"',
        f"enabled = {str(connection.enabled).lower()}",
    ]
    uploads = connection.uploads.model_dump(exclude_defaults=True)
    if uploads:
        lines += ["", "[uploads]", *(f"{key} = {json.dumps(value)}" for key, value in uploads.items())]
    for login in connection.logins:
        lines += ["", "[[logins]]", f'user = "{login.user}"', f'start = "{login.start}"']
        for key in login.keys:
            lines += ["", "[[logins.keys]]", f'key = "{_escaped(key.key)}"']
            if key.expires is not None:
                lines.append(f"expires = {key.expires.isoformat()}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(
        f"\\u{ord(c):04x}" if c < " " or c == "\x7f" else c for c in plain
    )  # TOML takes no control character.
