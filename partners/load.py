"""Loads every partner file of a folder, and the guides beside them, into one immutable directory."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from partners.connection import Connection, Key, Login
from partners.route import NO_ROUTES, Routes
from partners.strict_toml import BadFile, load_model, read_toml


@dataclass(frozen=True, slots=True)
class Profile:
    """A connection as its file stood, with the SHA-256 of its canonical JSON."""

    connection: Connection
    hash: str
    body: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class GuideFile:
    """A guide or an overlay of config/guides, as its file stood; what it says is for others to judge.

    `extends` is the guide that an overlay is laid over, None for a whole guide.
    """

    id: str
    extends: str | None
    path: Path
    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class Directory:
    """All partner files at one moment, by connection id, the guides that they may name, by theirs, and the routes."""

    profiles: Mapping[str, Profile]
    guides: Mapping[str, GuideFile] = field(default_factory=lambda: MappingProxyType({}))
    routes: Routes = NO_ROUTES

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


def profile_of(connection: Connection, path: Path | None = None) -> Profile:
    body = json.dumps(connection.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return Profile(connection, hashlib.sha256(body.encode()).hexdigest(), body, path)


def load_directory(folder: Path, guides_folder: Path | None = None, routes_file: Path | None = None) -> Directory:
    """Read `folder/*.toml`, `guides_folder/*.toml`, and the routes where there are any.

    Raises:
        BadFile: with every problem of every file, a line each.
    """
    problems: list[str] = []
    profiles: dict[str, Profile] = {}
    guides = _load_guides(guides_folder, problems) if guides_folder is not None else {}
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
        profiles[connection.id] = profile_of(connection, path)
    routes = NO_ROUTES
    if routes_file is not None and routes_file.exists():
        try:
            routes = load_model(Routes, routes_file)
        except BadFile as error:
            problems.append(str(error))
    if problems:
        raise BadFile("\n".join(problems))
    return Directory(MappingProxyType(profiles), MappingProxyType(guides), routes)


def _load_guides(folder: Path, problems: list[str]) -> dict[str, GuideFile]:
    guides: dict[str, GuideFile] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            content = read_toml(path)
        except BadFile as error:
            problems.append(str(error))
            continue
        guide, extends = content.get("id"), content.get("extends")
        if not isinstance(guide, str) or not guide:
            problems.append(f'{path}:1: `id` is missing: agreements name a guide by it; write id = "…"')
        elif guide in guides:
            problems.append(f"{path}:1: the id `{guide}` is in {guides[guide].path} already")
        else:
            text = path.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            guides[guide] = GuideFile(guide, extends if isinstance(extends, str) else None, path, text, digest)
    return guides


def render(connection: Connection) -> str:
    """A connection as a partner file, ready to be edited by hand."""
    lines = [
        f'id = "{connection.id}"  # Made once; never change it.',
        f'name = "{connection.name}"',
        f"enabled = {str(connection.enabled).lower()}",
    ]
    if connection.retention is not None:
        lines.append(f'retention = "{connection.retention}"')
    if connection.our_ids:
        lines.append(f"our_ids = {_toml(connection.our_ids)}")
    uploads = connection.uploads.model_dump(exclude_defaults=True)
    if uploads:
        lines += ["", "[uploads]", *(f"{key} = {_toml(value)}" for key, value in uploads.items())]
    if connection.receipts.folder is not None:
        lines += ["", "[receipts]", f'folder = "{_escaped(connection.receipts.folder)}"']
    for login in connection.logins:
        lines += ["", "[[logins]]", f'user = "{login.user}"', f'start = "{login.start}"']
        lines += render_keys(login.keys)
    for heading in ("trading_partners", "feeds", "watched_folders", "agreements"):
        lines += render_tables(heading, getattr(connection, heading))
    return "\n".join(lines) + "\n"


def render_tables(heading: str, tables: Iterable[BaseModel]) -> list[str]:
    """Lines of `[[heading]]`, one table for each model, with what is not the default."""
    lines = []
    for table in tables:
        said = table.model_dump(mode="json", exclude_defaults=True)
        lines += ["", f"[[{heading}]]", *(f"{key} = {_toml(value)}" for key, value in said.items())]
    return lines


def render_keys(keys: Iterable[Key]) -> list[str]:
    """Lines of `[[logins.keys]]`, to stand below their login."""
    lines = []
    for key in keys:
        lines += ["", "[[logins.keys]]", f'key = "{_escaped(key.key)}"']
        if key.expires is not None:
            lines.append(f"expires = {key.expires.isoformat()}")
    return lines


def _toml(value: Any) -> str:
    """A value as TOML writes it; numbers and truth are written as in JSON."""
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_toml(inner)}' for key, inner in value.items()) + " }"
    return json.dumps(value)


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(
        f"\\u{ord(c):04x}" if c < " " or c == "\x7f" else c for c in plain
    )  # TOML takes no control character.
