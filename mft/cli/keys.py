"""`mft keys`: which there are, another one in the place of one, and what nobody is to read again."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, utf8, when
from mft.domain import STANDARD, is_retention_class
from mft.errors import Missing, Refused

if TYPE_CHECKING:
    from mft.config import Config
    from mft.crypto.keyring import FolderKeyring
    from mft.home import Home

app = typer.Typer(help="Keys: list, rotate, shred.", no_args_is_help=True, rich_markup_mode=None)
rotate_app = typer.Typer(help="Put a new key into the place of one.", no_args_is_help=True, rich_markup_mode=None)
shred_app = typer.Typer(help="Make files unreadable for ever.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(rotate_app, name="rotate")
app.add_typer(shred_app, name="shred")

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for the id to be typed.")]

BACK_UP = "back up {keys} now, before the next backup of the data: `mft backup DIR --keys KEYDIR` does both"
BACKUPS = (
    "What was copied before stays readable until the copies are gone: {copies}, and old blocks of the disk that the "
    "file system has not used again. Let those backups expire."
)


def _days(row: Mapping[str, Any]) -> str:
    return "-" if row["days_left"] is None else str(row["days_left"])


_COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "USE": lambda row: row["use"],
    "OF": lambda row: row["class"] or row["partner"] or "-",
    "KEY": lambda row: _short(row["key"]) if row["use"] == "signing" else row["key"],
    "STATE": lambda row: row["state"],
    "SINCE (UTC)": lambda row: when(row["in_force_since"]),
    "OBJECTS": lambda row: "-" if row["objects"] is None else f"{row['objects']:,}",
    "DAYS LEFT": _days,
}


def _short(key: str) -> str:
    """A vkey without its base64: name and key id tell which it is."""
    return "+".join(key.split("+")[:2])


@app.command("list")
def list_keys(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every key: of buckets, of the audit log, of the host, and those that partners log in with.

    \b
    mft keys list
    mft keys list --json | jq 'select(.days_left != null and .days_left < 30)'
    """
    from mft.cli.access import ledger_of, open_home
    from mft.installation import load_partners
    from mft.ledger.keys import key_pairs, objects_under

    found, config = open_home(home)
    here = _bucket_files(found)
    with ledger_of(home) as books:
        pairs = key_pairs(books)
        rows = [_of_ours(row, objects_under(books, row["id"]), here, config) for row in pairs]
        known = {row["id"] for row in pairs}
        rows += [_row("bucket", key, "not in force yet") for key in sorted(here - known)]
    rows += _partners_keys(load_partners(found))
    Output(as_json).rows(rows, _COLUMNS, empty="no keys")


def _bucket_files(home: "Home") -> set[str]:
    """The ids of bucket keys that are files here, by their names: to list them takes no secret."""
    from mft.crypto.keyring import BUCKET_KEYS

    return {path.stem.rpartition("bucket-")[2] for path in home.keys.glob(BUCKET_KEYS)}


def _row(use: str, key: str, state: str, *, retention: str | None = None, **more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("partner", "in_force_since", "retired_at", "emptied_at", "destroyed_at", "objects", "moved", "days_left")
    )
    return {"use": use, "class": retention, "key": key, "state": state, **nothing, **more}


def _of_ours(row: Mapping[str, Any], objects: int, here: set[str], config: "Config") -> dict[str, Any]:
    from mft.clock import moment, now_us
    from mft.pipeline.expiry import our_endings

    state = "shredded" if row["destroyed_at"] else "retired" if row["retired_at"] else "in force"
    is_bucket = row["kind"] == "bucket"
    if is_bucket and not row["destroyed_at"] and row["id"] not in here:
        state += ", file missing"
    limits = config.keys
    days_max = {"host": limits.host_days_max, "bucket": limits.bucket_days_max, "signing": limits.signing_days_max}
    ending = next(our_endings([dict(row)], days_max, moment(now_us())), None)
    return _row(
        row["kind"],
        row["id"],
        state,
        retention=row["retention"],
        in_force_since=row["in_force_at"],
        retired_at=row["retired_at"],
        emptied_at=row["emptied_at"],
        destroyed_at=row["destroyed_at"],
        objects=objects if is_bucket else None,
        moved=row["moved"] if is_bucket else None,
        days_left=ending.days_left if ending else None,
    )


def _partners_keys(directory: Any) -> Iterator[dict[str, Any]]:
    from datetime import UTC, datetime

    today = datetime.now(UTC).date()
    for profile in directory.profiles.values():
        connection = profile.connection
        for login in connection.logins:
            for key in login.keys:
                left = (key.expires - today).days if key.expires else None
                state = "disabled" if not connection.enabled else "expired" if (left or 0) < 0 else "in force"
                yield _row("ssh", key.fingerprint, state, partner=connection.name, days_left=left)


@rotate_app.command("bucket")
def rotate_bucket(
    retention: Annotated[str, typer.Option("--class", metavar="CLASS", help="The retention class.")] = STANDARD,
    new: Annotated[bool, typer.Option("--new", help="Make a key also while an older one is not empty.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal new files of a class for a new key, and wrap the data keys of all others to it. No file is rewritten.

    A server that runs goes on meanwhile. Cut short, the same command goes on where it was: while anything is wrapped
    to older keys it makes no new one. It makes the first key of a class, too.

    \b
    mft keys rotate bucket
    mft keys rotate bucket --class claims
    """
    from mft.cli.access import actor, open_home, writing
    from mft.core import ReloadKeys
    from mft.crypto.keyring import FolderKeyring
    from mft.ledger.database import Ledger, Readers
    from mft.pipeline.rewrap import Rewrapping

    if not is_retention_class(retention):
        raise typer.BadParameter("lower-case letters, digits and dashes, 32 at most", param_hint="--class")
    found, config = open_home(home)
    readers = Readers(Ledger(found.ledger_url(config.ledger.url)))
    with _folder_lock(found), writing(found, config) as run:
        keyring = FolderKeyring(found.keys)
        rewrapping = Rewrapping(readers.get, keyring, run, actor=actor())
        try:
            made = _new_bucket_key(found, keyring, retention, rewrapping, readers.get, anyway=new)
            keyring.reload()
            key = keyring.seal_for(retention).id
            sealing = run(ReloadKeys(actor()))
            if sealing.get(retention) != key:
                raise Refused(
                    f"bucket-{key}.key is in {found.keys}, and the running server does not see it: "
                    "restart the server, then run this again"
                )
            moved, emptied = _move(rewrapping, retention)
            left = sum(rewrapping.older(retention).values())
        finally:
            readers.close()
    failed = sorted(one for of_key in rewrapping.failed.values() for one in of_key)
    moved -= len(failed)
    said = {"class": retention, "key": key, "made": made, "moved": moved, "left": left, "emptied": emptied}
    if as_json:
        Output(as_json).object({**said, "failed": failed})
    else:
        begun = "made" if made else "goes on with"
        print(f"{begun} bucket key {key} for class {retention}: new files are sealed for it")
        print(f"  {moved:,} objects are wrapped to it now" + (f"; {left:,} are not: run this again" if left else ""))
        for one in emptied:
            print(f"  nothing is wrapped to {one} any more; backups of data/ need its file, until they are gone")
        print(f"  {BACK_UP.format(keys=found.keys)}")
    if failed:
        print(f"{len(failed)} objects do not unwrap, and stay as they are; first: {failed[0]}", file=sys.stderr)
        raise typer.Exit(1)


def _new_bucket_key(
    home: "Home", keyring: "FolderKeyring", retention: str, rewrapping: Any, books: Callable[[], Any], *, anyway: bool
) -> bool:
    """Make a key, unless one waits to be used or an older one to be emptied; returns whether it did."""
    from mft.crypto.keys import generate_bucket_key
    from mft.durable import write_file
    from mft.ledger.keys import key_in_force

    if retention in keyring.held.newest and not anyway:
        row = key_in_force(books(), "bucket", retention)
        is_used = row is not None and row["id"] == keyring.seal_for(retention).id
        if not is_used or any(rewrapping.older(retention).values()):
            return False
    for staged in home.keys.glob(".*.staged"):  # Of one that was killed at it: no file was ever sealed for that key.
        staged.unlink()
    newest = max((key.made_at for key in keyring.held.keys if key.retention == retention), default=0)
    key = generate_bucket_key(retention, behind=newest)
    write_file(home.keys / key.file_name, key.text().encode(), mode=0o400)
    return True


def _move(rewrapping: Any, retention: str) -> tuple[int, list[str]]:
    """Wrap everything of a class to its key in force; returns how much that was, and which keys are empty now."""
    moved, emptied = 0, []
    older = rewrapping.older(retention)
    with _bar("objects", sum(older.values())) as advance:
        for key in older:
            while count := rewrapping.step(key):
                moved += count
                advance(count)
            if rewrapping.finish(key):
                emptied.append(key)
    return moved, emptied


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar in a terminal; elsewhere nothing is shown."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _folder_lock(home: "Home") -> Iterator[None]:
    """One command at a time changes keys: the folder itself is what is locked."""
    import fcntl
    import os

    fd = os.open(home.keys, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another command changes the keys in {home.keys}: wait until it is done") from None
        yield
    finally:
        os.close(fd)


@rotate_app.command("signing")
def rotate_signing(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Sign checkpoints by a new key from now on. The old key signs one more, together with the new one.

    Whoever trusts the old key goes on from there; whoever checks with the new one gets back by the same checkpoint.

    \b
    mft keys rotate signing
    """
    from mft.cli.access import actor, open_home, writing
    from mft.core import ChangeSigningKey

    found, config = open_home(home)
    with _folder_lock(found), writing(found, config) as run:
        _next_signing_key(found)
        said = run(ChangeSigningKey(actor()))
        _follow(found, config)
    if as_json:
        Output(as_json).object(said)
        return
    print("the audit log is signed by this key from now on; one checkpoint bears both signatures:")
    print(f"  {said['new']}")
    if said["old"] != said["new"]:  # Else this only finished a change that was cut short behind its commit.
        path = found.keys / f"audit-{said['old'].split('+')[1]}.pub"
        print(f"  the public half of the one before stays in {path}")
    print("  give the new one to whoever checks the log, and keep a copy elsewhere")
    print(f"  {BACK_UP.format(keys=found.keys)}")
    print(f"The old private key lost its name, and is not scrubbed. {BACKUPS.format(copies='backups of keys/')}")


def _next_signing_key(home: "Home") -> None:
    """Make the next signing key, unless there is one that waits."""
    from mft.crypto.keyring import NEXT_SIGNING_KEY, SIGNING_KEY, key_file
    from mft.crypto.signing import SigningKey
    from mft.durable import write_file

    if not key_file(home.keys, NEXT_SIGNING_KEY).exists():
        name = SigningKey.load(key_file(home.keys, SIGNING_KEY)).name
        write_file(home.keys / NEXT_SIGNING_KEY, SigningKey.generate(name).text().encode(), mode=0o400)


def _follow(home: "Home", config: "Config") -> None:
    """Let the files of our folder follow: a server that has credentials cannot rename the files that they are of."""
    from mft.audit.signing_keys import SigningKeys
    from mft.ledger.database import Ledger, reading

    with reading(Ledger(home.ledger_url(config.ledger.url))) as books:
        SigningKeys(home.keys).settle(books)


@shred_app.command("transfer")
def shred_transfer(
    transfer_id: Annotated[
        str, typer.Argument(metavar="ID", help="A transfer, or the unique beginning of its id.", callback=utf8)
    ],
    reason: Annotated[str, typer.Option(help="Why, in one word: it stands in the audit log.")] = "shredded",
    yes: YesOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase the data keys of a transfer's original and records: nobody reads them again.

    \b
    mft keys shred transfer 01m8283ew4 --reason sent-in-error
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.crypto.keyring import FolderKeyring
    from mft.ledger.transfers import transfer_row
    from mft.pipeline.erase import Erase
    from mft.vault.store import Vault

    if not is_retention_class(reason):  # What names a class names a reason: nothing of a partner's slips in.
        raise typer.BadParameter("one word: lower-case letters, digits and dashes, 32 at most", param_hint="--reason")
    found, config = open_home(home)
    with ledger_of(home) as books:
        transfer = transfer_row(books, transfer_id)["id"]
    _ask(transfer, f"original and records of transfer {transfer} will be unreadable for ever", yes=yes)
    vault = Vault(found.vault, FolderKeyring(found.keys))
    with writing(found, config, remove_object=vault.remove) as run:
        erased = run(Erase(transfer, ("original", "records"), reason, actor()))
    if as_json:
        Output(as_json).object({"transfer": transfer, "erased": erased})
        return
    print(f"transfer {transfer}: " + ("original and records are erased" if erased else "was erased before"))
    print(BACKUPS.format(copies="backups of data/ together with keys/"))


@shred_app.command("bucket")
def shred_bucket(
    key: Annotated[str, typer.Argument(metavar="ID", help="A bucket key: `mft keys list`.", callback=utf8)],
    yes: YesOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy a retired bucket key: nobody reads again what is wrapped to it, whatever backup of the data they have.

    Cut short, the same command finishes it, and so does the next start of the server.

    \b
    mft keys shred bucket 9ef01c2a77d4b3c5
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.core import ReloadKeys
    from mft.crypto.keyring import FolderKeyring
    from mft.keychain import remove_shredded
    from mft.ledger.database import Ledger, Readers
    from mft.ledger.keys import key_row, objects_under
    from mft.pipeline.keys import Shred
    from mft.pipeline.rewrap import erase_shredded
    from mft.vault.store import Vault

    found, config = open_home(home)
    with ledger_of(home) as books:
        row, objects = key_row(books, key), objects_under(books, key)
    if row is None or row["kind"] != "bucket":
        raise Missing(f"there is no bucket key {key}: `mft keys list` shows which there are")
    _ask(key, f"{objects:,} objects are wrapped to bucket key {key} and will be unreadable for ever", yes=yes)
    keyring = FolderKeyring(found.keys)
    vault = Vault(found.vault, keyring)
    readers = Readers(Ledger(found.ledger_url(config.ledger.url)))
    try:
        with _folder_lock(found), writing(found, config, remove_object=vault.remove) as run:
            objects = run(Shred(key, actor()))
            remove_shredded(keyring, readers.get())
            run(ReloadKeys(actor()))
            left = objects
            with _bar("objects", objects) as advance:
                for now_left in erase_shredded(readers.get, run, key, actor=actor()):
                    advance(left - now_left)
                    left = now_left
    finally:
        readers.close()
    if as_json:
        Output(as_json).object({"key": key, "objects": objects})
        return
    print(f"bucket key {key} is destroyed; {objects:,} objects that were wrapped to it are erased")
    print(BACKUPS.format(copies=f"backups of keys/ that have bucket-{key}.key"))


def _ask(name: str, what: str, *, yes: bool) -> None:
    """Have the id typed. Raises Refused: another answer."""
    if yes:
        return
    print(f"{what}. Type the id to go on:", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != name:
        raise Refused("that is not the id: nothing was done")
