"""`mft import host-key`, `authorized-keys`: partners go on knowing us, and we them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mft.cli.options import DryRunOption, HomeOption, JsonOption, Output, utf8
from mft.errors import BadConfig, Malformed, Missing, NameTaken, NotAllowed

if TYPE_CHECKING:
    import asyncssh

    from mft.cli.partner_files import PartnerFiles
    from partners.authorized_keys import AuthorizedKey

KEY_BYTES_MAX: Final = 1 << 20


def host_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A private key: OpenSSH's format, or PEM.")],
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Offer the host key of the server before this one, so that partners' known_hosts stay valid.

    It stands beside our own: of its algorithm partners see the old one, and OpenSSH clients that ask for it
    (UpdateHostKeys) learn ours. Other algorithms are ours, as before. A key with a passphrase is refused.

    \b
    mft import host-key /etc/ssh/ssh_host_ed25519_key
    mft import host-key old-server.pem --dry-run
    """
    import asyncssh

    from mft.cli.access import actor, open_home, server_of, writing
    from mft.core import Note
    from mft.crypto.keyring import credentials, key_file
    from mft.durable import write_file
    from mft.home import OLD_HOST_KEYS

    found, config = open_home(home)
    key = _private_key(file)
    algorithm, fingerprint = key.get_algorithm(), key.get_fingerprint()
    if found.keys == credentials():
        raise BadConfig(
            "the keys are credentials of a service: set MFT_KEYS__FOLDER to the folder that it has them from"
        )
    known = {asyncssh.read_private_key(path).get_fingerprint(): path for path in found.host_keys}
    path = key_file(found.keys, OLD_HOST_KEYS[algorithm])
    is_new = fingerprint not in known
    if is_new and path.exists():
        raise NameTaken(
            f"{path} has another {algorithm} key: a server has one of each algorithm; remove it and its .pub first"
        )
    server = server_of(found)
    if server is not None:
        server.close()
    if is_new and not dry_run:
        with writing(found, config) as run:
            write_file(path.with_name(f"{path.name}.pub"), key.export_public_key(), mode=0o444)
            write_file(path, key.export_private_key(), mode=0o400)
            run(Note("host-key.imported", actor(), facts={"key": fingerprint, "algorithm": algorithm}))
    done = is_new and not dry_run
    if as_json:
        told = {"file": str(file), "algorithm": algorithm, "fingerprint": fingerprint, "path": str(path)}
        Output(as_json).object({**told, "imported": done})
        return
    print(f"{algorithm}  {fingerprint}")
    if not is_new:
        print(f"there already: {known[fingerprint]}")
    elif dry_run:
        print(f"would import it as {path}; nothing was written")
    else:
        print(f"imported it as {path}")
        print("restart the server to offer it" if server else "the next `mft serve` offers it")


def _private_key(path: Path) -> "asyncssh.SSHKey":
    """Raises Missing, Malformed, NotAllowed."""
    import asyncssh

    try:
        with path.open("rb") as file:
            content = file.read(KEY_BYTES_MAX)
    except FileNotFoundError:
        raise Missing(f"{path}: no such file") from None
    except OSError as error:
        raise Malformed(f"{path}: cannot be read: {error.strerror}") from None
    if content.startswith(b"PuTTY-User-Key-File"):
        raise Malformed(f"{path}: a PuTTY key: turn it into OpenSSH's, `puttygen {path} -O private-openssh -o FILE`")
    if b"PRIVATE KEY" not in content[:4096] and content[:1] != b"0":
        raise Malformed(f"{path}: no private key; expected OpenSSH's format or PEM, `-----BEGIN … PRIVATE KEY-----`")
    try:
        key = _read(path, content)
    except asyncssh.KeyImportError:
        raise Malformed(
            f"{path}: damaged, or in a format that is not known; `ssh-keygen -y -f {path}` says more"
        ) from None
    _check_strength(path, key)
    key.set_comment("mft")
    return key


def _read(path: Path, content: bytes) -> "asyncssh.SSHKey":
    import asyncssh

    try:
        return asyncssh.import_private_key(content)
    except asyncssh.KeyEncryptionError:
        pass
    except asyncssh.KeyImportError as error:
        if "passphrase" not in str(error).lower():
            raise
    raise NotAllowed(f"{path}: it has a passphrase: take it off a copy, `ssh-keygen -p -f COPY`, and import that")


def _check_strength(path: Path, key: "asyncssh.SSHKey") -> None:
    """Raises NotAllowed."""
    from mft.home import OLD_HOST_KEYS
    from partners.authorized_keys import RSA_BITS_MIN, rsa_bits

    algorithm = key.get_algorithm()
    instead = "partners have to learn our own: see docs/migrating.md"
    if algorithm not in OLD_HOST_KEYS:
        raise NotAllowed(f"{path}: {algorithm} keys are not offered, too weak or too rare: {instead}")
    if algorithm == "ssh-rsa":
        bits = rsa_bits(key.public_data)
        if bits < RSA_BITS_MIN:
            raise NotAllowed(f"{path}: RSA of {bits} bits is too weak, {RSA_BITS_MIN} is the least: {instead}")


def authorized_keys(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An OpenSSH authorized_keys file.")],
    partner: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whose keys they are [default: the comment behind each key].",
            show_default=False,
            callback=utf8,
        ),
    ] = "",
    user: Annotated[
        str, typer.Option(help="Their login [default: the partner's, or NAME].", show_default=False, callback=utf8)
    ] = "",
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the keys of an authorized_keys file in: all, or none. A running server takes them up at once.

    A partner that is not there yet is made. Without --partner the comment behind each key, up to an @, names it.
    Options: what forbids shells and forwarding holds here for everybody, expiry-time becomes `expires`; of others
    (from=, command=) the output says that they are left out, and why.

    \b
    mft import authorized-keys /home/acme/.ssh/authorized_keys --partner acme
    mft import authorized-keys all-keys --dry-run
    """
    from mft.cli.access import open_home
    from mft.cli.lists import Wrong, read_text, refuse
    from mft.cli.partner_files import PartnerFiles
    from mft.installation import load_partners
    from partners.authorized_keys import read_authorized_keys
    from partners.connection import is_name
    from partners.partner_list import as_name

    if user and not partner:
        raise typer.BadParameter("name the partner too: --partner", param_hint="--user")
    for text in filter(None, (partner, user)):
        if not is_name(text):
            raise BadConfig(f"{text!r} cannot be a name: lower case letters, digits, dot, dash, underscore; 64 at most")
    found, config = open_home(home)
    files = PartnerFiles(found, config, load_partners(found))
    read, bad = read_authorized_keys(read_text(file))
    wrong: Wrong = bad
    owners: dict[str, list[AuthorizedKey]] = {}
    for one in read:
        name = partner or as_name(one.comment.split("@")[0])
        if not is_name(name):
            wrong.append((one.line, "no comment behind the key says whose it is: name the partner with --partner"))
        else:
            owners.setdefault(name, []).append(one)
    made = [row for name, keys in owners.items() for row in _one(files, name, user, keys, wrong)]
    refuse(file, wrong)
    if not made:
        raise Malformed(f"{file}: there are no keys in it")
    news = sum(row["new"] for row in made)
    taken_up = files.write() if len(files) and not dry_run else None
    for row in made:
        row["imported"] = row["new"] and not dry_run
        if as_json:
            Output(as_json).object(row)
            continue
        told = [row["partner"], f"login {row['login']}", row["fingerprint"]]
        told += [f"until {row['expires']}"] if row["expires"] else []
        told += [] if row["new"] else ["there already"]
        print("  ".join(told))
        for left_out in row["left_out"]:
            print(f"  line {row['line']}: left out {left_out}")
    if as_json:
        return
    count = f"{news:,} {'key' if news == 1 else 'keys'}"
    if dry_run:
        print(f"would import {count}; nothing was written")
        return
    heard = "the running server has them" if taken_up else "the next `mft serve` has them"
    print(f"imported {count}" + (f"; {heard}" if taken_up is not None else ""))


def _one(
    files: "PartnerFiles", name: str, user: str, lines: "list[AuthorizedKey]", wrong: list[tuple[int, str]]
) -> list[dict[str, Any]]:
    """The keys of one partner."""
    from mft.clock import new_id
    from partners.connection import Connection, Key, Login
    from partners.edit import CannotEdit, with_keys

    profile = files.directory.named(name)
    logins = profile.connection.logins if profile else []
    if not user and len(logins) > 1:
        users = ", ".join(login.user for login in logins)
        wrong.append((lines[0].line, f"partner {name} has several logins ({users}): name one with --user"))
        return []
    login = user or (logins[0].user if logins else name)
    owner = files.whose_login(login)
    if owner not in {None, name} or (profile is None and files.is_taken(name)):
        wrong.append(
            (lines[0].line, f"partner {owner or name} has the login {login} already: see --partner and --user")
        )
        return []
    known = {key.fingerprint for one in logins if one.user == login for key in one.keys}
    rows, new = [], list[Key]()
    for line in lines:
        key = Key(key=line.key, expires=line.expires)
        is_new = key.fingerprint not in known
        if is_new:
            known.add(key.fingerprint)
            new.append(key)
        rows.append(
            {
                "line": line.line,
                "partner": name,
                "login": login,
                "fingerprint": key.fingerprint,
                "expires": line.expires.isoformat() if line.expires else None,
                "left_out": list(line.left_out),
                "new": is_new,
            }
        )
    if not new or wrong:
        return rows
    if profile is None or profile.path is None:
        files.add(Connection(id=new_id(), name=name, logins=[Login(user=login, keys=new)]))
        return rows
    try:
        text = with_keys(profile.path.read_text(encoding="utf-8"), profile.connection, login, new)
    except CannotEdit:
        raise Malformed(
            f"{profile.path}: write its logins as [[logins]] and [[logins.keys]], or add these by hand"
        ) from None
    files.change(profile, text, keys=new)
    return rows
