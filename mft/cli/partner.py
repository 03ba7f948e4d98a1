"""`mft partner`: who may come in."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output
from mft.errors import BadConfig, Missing, NameTaken

if TYPE_CHECKING:
    from partners.connection import Connection

app = typer.Typer(help="Partners: add, list, show, check, schema.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Lower case, digits, dot, dash, underscore.")],
    ssh_key: Annotated[
        list[Path],
        typer.Option("--ssh-key", metavar="FILE", help="Public key of the partner; may be given again."),
    ],
    user: Annotated[str | None, typer.Option(help="Login name [default: NAME].", show_default=False)] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day on which the keys are good.")
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A partner file that says the rest: feeds, agreements, limits and so on."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Let a partner in: writes config/partners/NAME.toml; a running server takes it up at once.

    Of a template everything is taken but id, name, logins, trading partners and watched folders, which are of one
    partner alone.

    \b
    mft partner add acme --ssh-key acme.pub
    mft partner add acme --ssh-key new.pub --ssh-key old.pub --expires 2027-06-30
    mft partner add bob --ssh-key bob.pub --template config/partners/acme.toml
    """
    from mft.cli.access import actor, check_owner, open_home, server_of, writing
    from mft.cli.lists import key_line
    from mft.clock import new_id
    from mft.core import Note, Reload
    from mft.durable import write_file
    from mft.installation import check_more, load_partners
    from partners.connection import Connection, Key, Login, is_name
    from partners.load import profile_of, render

    found, config = open_home(home)
    check_owner(found)
    for text in (name, user or name):
        if not is_name(text):
            raise BadConfig(f"{text!r} cannot be a name: lower case letters, digits, dot, dash, underscore; 64 at most")
    path = found.partners / f"{name}.toml"
    directory = load_partners(found)
    if path.exists() or directory.named(name):
        raise NameTaken(f"there is a partner {name} already: edit {path}")
    if directory.login(user or name):
        raise NameTaken(f"another partner has the login {user or name}: choose one with --user")
    keys = [Key(key=line, expires=expires.date() if expires else None) for line in map(key_line, ssh_key)]
    connection = Connection(id=new_id(), name=name, logins=[Login(user=user or name, keys=keys)])
    if template is not None:
        connection = _like(template, connection)
        check_more(directory, profile_of(connection, template), config)
    write_file(path, render(connection).encode(), mode=0o640)
    note = Note(
        "partner.added",
        actor(),
        connection=connection.id,
        facts={"fingerprints": " ".join(key.fingerprint for key in keys)},
        private={"name": name},
    )
    with writing(found, config) as run:
        run(note)
    server = server_of(found)
    if server is not None:
        server.run(Reload(actor()))
        server.close()
    print(f"added {name}: {path}")
    for key in keys:
        print(f"  {user or name}  {key.fingerprint}")
    print("the running server lets them in now" if server else "the next `mft serve` lets them in")


_THEIR_OWN = {"id", "name", "enabled", "logins", "trading_partners", "watched_folders"}


def _like(template: Path, connection: "Connection") -> "Connection":
    """The connection with what a template says. Raises BadConfig: with file and line."""
    from pydantic import ValidationError

    from partners.strict_toml import BadFile, explain, read_toml

    own = {key: getattr(connection, key) for key in _THEIR_OWN}
    try:
        return type(connection).model_validate(read_toml(template) | own)
    except BadFile as error:
        raise BadConfig(str(error)) from None
    except ValidationError as error:
        raise BadConfig(explain(error, type(connection), template)) from None


@app.command("list")
def list_partners(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Everybody who has a partner file.

    \b
    mft partner list
    """
    from mft.cli.access import open_home
    from mft.installation import load_partners

    found, _ = open_home(home)
    rows = [_public(profile) for profile in load_partners(found).profiles.values()]
    Output(as_json).rows(
        rows,
        {
            "NAME": lambda row: row["name"],
            "ENABLED": lambda row: "yes" if row["enabled"] else "no",
            "LOGINS": lambda row: ", ".join(login["user"] for login in row["logins"]),
            "KEYS": lambda row: str(sum(len(login["keys"]) for login in row["logins"])),
            "ID": lambda row: row["id"],
        },
        empty="no partners yet: mft partner add NAME --ssh-key FILE",
    )


@app.command()
def show(name: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One partner: logins and keys, our ids and theirs, feeds, watched folders, agreements.

    \b
    mft partner show acme
    """
    from mft.cli.access import open_home
    from mft.installation import load_partners

    found, _ = open_home(home)
    profile = load_partners(found).named(name)
    if profile is None:
        raise Missing(f"there is no partner {name}: `mft partner list` shows who there is")
    row = _public(profile)
    if as_json:
        Output(as_json).object(row)
        return
    print(f"{row['name']}  {'enabled' if row['enabled'] else 'disabled'}  id {row['id']}")
    for login in row["logins"]:
        print(f"  login {login['user']}, starts in {login['start']}")
        for key in login["keys"]:
            print(f"    {key['fingerprint']}  {'until ' + key['expires'] if key['expires'] else 'no expiry'}")
    if row["our_ids"]:
        print(f"  our ids {' '.join(row['our_ids'])}")
    for partner in row["trading_partners"]:
        print(f"  trading partner {partner['name']}, ids {' '.join(partner['ids'])}")
    for feed in row["feeds"]:
        print("  feed    " + ", ".join(f"{key} {_said(value)}" for key, value in feed.items()))
    for folder in row["watched_folders"]:
        print("  watches " + ", ".join(f"{key} {_said(value)}" for key, value in folder.items()))
    for agreement in row["agreements"]:
        print("  agreed  " + ", ".join(f"{key} {_said(value)}" for key, value in agreement.items()))


def _said(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return " ".join(f"{key}:{one}" for key, one in value.items()) if isinstance(value, dict) else str(value)


@app.command()
def check(home: HomeOption = None) -> None:
    """Read all partner files, the guides that they name and the folders that they watch, and say what is wrong.

    A running server goes on with those that it has; it takes up what is right at `kill -HUP`.

    \b
    mft partner check
    """
    from mft.cli.access import open_home
    from mft.endpoints.folder.outlook import faults
    from mft.installation import load_partners

    found, _ = open_home(home)
    directory = load_partners(found)
    watched = [(one.path, folder) for one in directory.profiles.values() for folder in one.connection.watched_folders]
    if wrong := [f"{path}: {fault}" for path, folder in watched for fault in faults(folder, found.root)]:
        raise BadConfig("\n".join(wrong))
    counted = {
        "partner files": len(directory.profiles),
        "agreements": sum(len(profile.connection.agreements) for profile in directory.profiles.values()),
        "guides of your own": len(directory.guides),
        "watched folders": len(watched),
    }
    print("all is well: " + ", ".join(f"{what}: {count}" for what, count in counted.items()))


@app.command()
def schema(as_json: JsonOption = False) -> None:
    """The JSON Schema (2020-12) of a partner file, for editors and for programs that write such files.

    \b
    mft partner schema > partner.json
    """
    from partners.connection import json_schema

    print(json.dumps(json_schema(), indent=None if as_json else 2, ensure_ascii=False))


def _public(profile: Any) -> dict[str, Any]:
    connection = profile.connection
    return {
        "id": connection.id,
        "name": connection.name,
        "enabled": connection.enabled,
        "logins": [
            {
                "user": login.user,
                "start": login.start,
                "keys": [
                    {
                        "fingerprint": key.fingerprint,
                        "expires": key.expires.isoformat() if key.expires else None,
                    }
                    for key in login.keys
                ],
            }
            for login in connection.logins
        ],
        "our_ids": list(connection.our_ids),
        "trading_partners": [one.model_dump(mode="json") for one in connection.trading_partners],
        "feeds": [one.model_dump(mode="json", exclude_defaults=True) for one in connection.feeds],
        "agreements": [one.model_dump(mode="json", exclude_defaults=True) for one in connection.agreements],
        "watched_folders": [one.model_dump(mode="json", exclude_defaults=True) for one in connection.watched_folders],
    }
