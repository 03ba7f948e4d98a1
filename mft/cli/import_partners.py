"""`mft import partners`: a list of partners becomes partner files, or trading partners of one connection."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import DryRunOption, HomeOption, JsonOption, Output, utf8
from mft.errors import BadConfig, Malformed, Missing

if TYPE_CHECKING:
    from mft.cli.lists import Wrong
    from mft.cli.partner_files import PartnerFiles
    from partners.connection import Key


def partners(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The list; its first line names the columns.")],
    into: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Make them trading partners of this connection.", show_default=False, callback=utf8
        ),
    ] = "",
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make partner files of a list: all of it, or nothing. A running server takes them up at once.

    Columns: name, login, ssh_key or key_file, edi_ids, feed, folder; only name, and a key, must be there. Several keys,
    key files or ids in one cell are divided by `;`. A key file is looked for beside the list. Who is there already,
    with the same keys and ids, is left alone.

    With --into the list is of those whose interchanges come over one connection: columns name and edi_ids.

    \b
    mft import partners partners.csv --dry-run
    mft import partners partners.csv
    mft import partners senders.csv --into clearing
    """
    from mft.cli.access import open_home
    from mft.cli.lists import read_list, refuse
    from mft.cli.partner_files import PartnerFiles
    from mft.installation import load_partners
    from partners.partner_list import OPTIONAL, REQUIRED

    found, config = open_home(home)
    files = PartnerFiles(found, config, load_partners(found))
    wrong: Wrong = []
    rows = read_list(file, required=REQUIRED, optional=OPTIONAL)
    made = list(_into(files, into, rows, wrong) if into else _connections(files, file.parent, rows, wrong))
    refuse(file, wrong)
    taken_up = files.write() if len(files) and not dry_run else None
    news = [row for row in made if row["new"]]
    for row in made:
        row["imported"] = row["new"] and not dry_run
    if as_json:
        for row in made:
            Output(as_json).object(row)
        return
    for row in made:
        told = [row["name"] if row["name"] == row["called"] else f"{row['name']} ({row['called']})"]
        told += [f"login {row['login']}"] if row["login"] else []
        told += row["fingerprints"]
        told += [f"ids {' '.join(row['edi_ids'])}"] if row["edi_ids"] else []
        told += [] if row["new"] else ["there already"]
        print("  ".join(told))
    what = "trading partner" if into else "partner"
    count = f"{len(news):,} {what if len(news) == 1 else what + 's'}"
    if dry_run:
        print(f"would import {count}; nothing was written")
    else:
        print(f"imported {count}" + (f" into {into}" if into else "") + _heard(taken_up))


def _heard(taken_up: bool | None) -> str:
    return (
        "" if taken_up is None else "; the running server has them" if taken_up else "; the next `mft serve` has them"
    )


Rows = Iterator[tuple[int, Mapping[str, str]]]


def _connections(files: "PartnerFiles", folder: Path, rows: Rows, wrong: "Wrong") -> Iterator[dict[str, Any]]:
    from mft.cli.lists import in_words
    from mft.clock import new_id
    from partners.partner_list import connection_of

    for line, row in rows:
        try:
            connection = connection_of(row, new_id(), _keys(folder, row))
        except ValueError as error:
            wrong += [(line, told) for told in in_words(error)]
            continue
        name, (login,) = connection.name, connection.logins
        there = files.directory.named(name)
        is_new = there is None or there.connection.model_copy(update={"id": connection.id}) != connection
        if is_new:
            if files.is_taken(name):
                wrong.append(
                    (line, f"there is a partner {name} already, with other content, or further up in the list")
                )
                continue
            if (owner := files.whose_login(login.user)) is not None:
                wrong.append((line, f"partner {owner} has the login {login.user}: name another one"))
                continue
            files.add(connection)
        yield {
            "line": line,
            "name": name,
            "called": row["name"],
            "login": login.user,
            "fingerprints": [key.fingerprint for key in login.keys],
            "edi_ids": [one for partner in connection.trading_partners for one in partner.ids],
            "new": is_new,
        }


def _keys(folder: Path, row: Mapping[str, str]) -> list["Key"]:
    """Raises ValueError."""
    from mft.cli.lists import key_line
    from partners.connection import Key
    from partners.partner_list import several

    lines = several(row["ssh_key"])
    try:
        lines += [key_line(folder / name) for name in several(row["key_file"])]
    except (Missing, BadConfig) as error:
        raise ValueError(str(error)) from None
    return [Key(key=line) for line in lines]


def _into(files: "PartnerFiles", name: str, rows: Rows, wrong: "Wrong") -> Iterator[dict[str, Any]]:
    from mft.cli.lists import in_words
    from partners.edit import CannotEdit, with_trading_partners
    from partners.partner_list import trading_partner_of

    profile = files.directory.named(name)
    if profile is None or profile.path is None:
        raise Missing(f"there is no partner {name}: add the connection first, `mft partner add {name} --ssh-key FILE`")
    known = {partner.name: partner for partner in profile.connection.trading_partners}
    owners = {one: partner.name for partner in known.values() for one in partner.ids}
    new = []
    for line, row in rows:
        try:
            partner = trading_partner_of(row)
        except ValueError as error:
            wrong += [(line, told) for told in in_words(error)]
            continue
        is_new = known.get(partner.name) != partner
        if is_new:
            if partner.name in known:
                wrong.append((line, f"there is a trading partner {partner.name} already, with other ids"))
                continue
            if taken := [f"{one} is an id of {owners[one]}" for one in partner.ids if one in owners]:
                wrong.append((line, f"{taken[0]} already"))
                continue
            known[partner.name] = partner
            owners |= dict.fromkeys(partner.ids, partner.name)
            new.append(partner)
        yield {
            "line": line,
            "name": partner.name,
            "called": row["name"],
            "login": None,
            "fingerprints": [],
            "edi_ids": list(partner.ids),
            "new": is_new,
        }
    if new and not wrong:
        try:
            text = with_trading_partners(profile.path.read_text(encoding="utf-8"), profile.connection, new)
        except CannotEdit:
            raise Malformed(
                f"{profile.path}: write its trading partners as [[trading_partners]], or add these by hand"
            ) from None
        files.change(profile, text, trading_partners=len(new))
