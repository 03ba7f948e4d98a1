"""`mft doctor`: what is wrong with this installation, and the fix."""

import os
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from mft.cli.options import HomeOption, JsonOption, Output, size, when
from mft.errors import MFTError

if TYPE_CHECKING:
    from mft.config import Config
    from mft.home import Home
    from mft.ledger.database import Row


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `state` is ok, warning or wrong; `fix` says what to do."""

    name: str
    state: str
    message: str
    fix: str = ""


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Look at everything that has to be right, and say how to mend what is not. Exit code 1: something is wrong.

    \b
    mft doctor
    mft doctor --json | jq 'select(.state != "ok")'
    """
    from mft.cli.access import open_home

    checks = list(_machine())
    try:
        found, config = open_home(home)
    except MFTError as error:
        checks.append(Check("home", "wrong", str(error)))
    else:
        for look in (*_OF_FILES, *_OF_DATA):
            try:
                checks += look(found, config)
            except MFTError as error:
                checks.append(Check(look.__name__.removeprefix("_"), "wrong", str(error)))
            except Exception as error:  # noqa: BLE001  What cannot be looked at is a finding, and the rest goes on.
                checks.append(Check(look.__name__.removeprefix("_"), "wrong", f"cannot be looked at: {error}"))
    for check in checks:
        if as_json:
            row = {"name": check.name, "state": check.state, "message": check.message, "fix": check.fix}
            Output(as_json).object(row)
        else:
            mark = {"ok": "ok     ", "warning": "WARNING", "wrong": "WRONG  "}[check.state]
            print(f"{mark}  {check.name:9}  {check.message}" + (f"\n{'':20} fix: {check.fix}" if check.fix else ""))
    if any(check.state == "wrong" for check in checks):
        raise typer.Exit(1)


def _machine() -> Iterator[Check]:
    from mft.ledger.database import SQLITE_FIXED, sqlite_version

    yield Check("python", "ok", sys.version.split()[0])
    version = sqlite_version()
    if tuple(map(int, version.split("."))) >= SQLITE_FIXED:
        yield Check("sqlite", "ok", version)
    else:
        yield Check("sqlite", "warning", f"{version} has the WAL-reset bug", "pip install pysqlite3")


def _files(home: "Home", config: "Config") -> Iterator[Check]:
    from mft.crypto.keyring import BUCKET_KEYS, SIGNING_KEY, credentials, key_file
    from mft.home import HOST_KEYS
    from mft.pipeline.alerts import least_free

    buckets = sorted(home.keys.glob(BUCKET_KEYS)) or [home.keys / "bucket-*.key"]
    others = stat.S_IRWXG | stat.S_IRWXO
    if home.keys == credentials():
        others &= ~stat.S_IRGRP  # An access list shows itself there, which lets in the service alone.
    ours = [key_file(home.keys, name) for name in (SIGNING_KEY, *HOST_KEYS)]
    for path in (*buckets, *ours, *(path for path in home.host_keys if path not in ours)):
        if not path.exists():
            yield Check("keys", "wrong", f"{path} is missing", "restore it from the backup of the keys")
        elif path.stat().st_mode & others:
            yield Check("keys", "wrong", f"{path} can be read by others", f"chmod 0400 {path}")
    yield Check("keys", "ok", f"{home.keys}")
    if home.keys.resolve().is_relative_to(home.data.resolve()):
        yield Check(
            "keys",
            "warning",
            f"{home.keys} lies in {home.data}",
            "move it out, and say where in mft.toml: [keys] folder",
        )
    elif home.keys.resolve().parent == home.data.resolve().parent:
        yield Check(
            "backup",
            "warning",
            f"{home.keys.name}/ and {home.data.name}/ lie side by side",
            "back them up apart: who has both can read everything",
        )
    free = shutil.disk_usage(home.data)
    least = least_free(free.total)
    state = "ok" if free.free >= least else "warning"
    yield Check(
        "disk",
        state,
        f"{size(free.free)} free for {home.data}",
        "" if state == "ok" else f"keep {size(least)} free",
    )


def _partners(home: "Home", config: "Config") -> Iterator[Check]:
    from datetime import UTC, datetime, timedelta

    from mft.installation import load_partners

    directory = load_partners(home)
    now = datetime.now(UTC)
    for profile in directory.profiles.values():
        for login in profile.connection.logins:
            for key in login.keys:
                name = f"{profile.connection.name}: key {key.fingerprint}"
                if not key.usable(now):
                    yield Check("partners", "warning", f"{name} has expired", "ask for a new one, or remove it")
                elif not key.usable(now + timedelta(days=30)):
                    yield Check("partners", "warning", f"{name} expires on {key.expires}", "ask for a new one")
    count = len(directory.profiles)
    fix = "" if count else "mft partner add NAME --ssh-key FILE"
    yield Check("partners", "ok" if count else "warning", f"{count} partners", fix)


def _folders(home: "Home", config: "Config") -> Iterator[Check]:
    from mft.endpoints.folder.outlook import faults, left_in
    from mft.installation import load_partners

    for profile in load_partners(home).profiles.values():
        for folder in profile.connection.watched_folders:
            whose = f"{profile.connection.name}: {folder.name}"
            wrong = list(faults(folder, home.root))
            for fault in wrong:
                yield Check("folders", "wrong", f"{whose}: {fault}", "mend it, or change [[watched_folders]]")
            if wrong:
                continue
            left = ", ".join(f"{count} times {kind}" for kind, count in sorted(left_in(folder).items()))
            if left:
                yield Check("folders", "warning", f"{whose}: {left} in {folder.path}: never taken", "move it away")
            else:
                yield Check("folders", "ok", f"{whose}: {folder.path}")


def _pgp(home: "Home", config: "Config") -> Iterator[Check]:
    """What a feed needs whose files are unwrapped from PGP."""
    import time

    from mft.installation import load_partners
    from mft.pipeline.pgp import listed, memory_folder

    feeds = [
        (profile.connection.name, feed)
        for profile in load_partners(home).profiles.values()
        for feed in profile.connection.feeds
        if feed.unwrap is not None and "pgp" in feed.unwrap.allow
    ]
    if not feeds:
        return
    if shutil.which("gpg") is None or shutil.which("gpgconf") is None:
        yield Check("pgp", "wrong", "gpg is not installed, and feeds unwrap PGP", "apt-get install gnupg")
        return
    place = memory_folder()
    keys = {key.fingerprint: key for key in listed(home.pgp_keys)}
    now = time.time()
    for key in keys.values():
        if key.ends_at is not None and key.ends_at < now:
            yield Check("pgp", "warning", f"key {key.fingerprint} has expired", "ask for a new one, or make one")
    for name, feed in feeds:
        for wanted in feed.pgp.signed_by:
            if wanted not in keys:
                message = f"{name}, feed {feed.name}: key {wanted} of `signed_by` is not there"
                yield Check("pgp", "wrong", message, "put the public key into config/pgp, as NAME.asc")
    secret = sum(key.secret for key in keys.values())
    if secret:
        yield Check("pgp", "ok", f"{secret} secret keys, {len(keys) - secret} public ones; gpg works in {place}")
    else:
        fix = 'put one into keys/pgp, as NAME.asc; or leave PGP out: unwrap = { allow = ["gzip", "zip"] }'
        yield Check("pgp", "warning", "feeds unwrap PGP, and there is no secret key", fix)


def _scanner(home: "Home", config: "Config") -> Iterator[Check]:
    """What a feed needs whose files are scanned."""
    from mft.installation import load_partners
    from mft.sinks.clamd import Clamd

    profiles = load_partners(home).profiles.values()
    if not any(feed.scan for profile in profiles for feed in profile.connection.feeds):
        return
    address = config.scan.clamd
    if not address:
        yield Check("scanner", "wrong", "feeds want a scan, and there is no scanner", "set [scan] clamd in mft.toml")
    elif not Clamd(address, seconds=5).answers():
        yield Check("scanner", "wrong", f"{address} does not answer", "systemctl start clamav-daemon")
    else:
        yield Check("scanner", "ok", f"{address} answers")


def _ledger(home: "Home", config: "Config") -> Iterator[Check]:
    from sqlalchemy import text

    from mft.ledger.database import Ledger, reading
    from mft.ledger.migrate import version
    from mft.ledger.tables import HEAD
    from mft.ledger.transfers import counts

    ledger = Ledger(home.ledger_url(config.ledger.url))
    found = version(ledger)
    if found is None:
        yield Check(
            "ledger", "wrong", f"{ledger.path or 'the PostgreSQL ledger'} has no tables", "restore data/ from a backup"
        )
        return
    if found != HEAD:
        yield Check("ledger", "warning", f"is at migration {found}, not {HEAD}", "the next `mft serve` brings it up")
    with reading(ledger) as books:
        if ledger.path is not None:
            said = next(iter(books.rows(text("PRAGMA quick_check(1)"))[0].values()))
            if said != "ok":
                yield Check("ledger", "wrong", f"SQLite says: {said}", "stop the server; restore data/ from a backup")
                return
        stages = counts(books)
    waiting = {
        stage: stages[stage] for stage in ("held", "quarantined", "incomplete", "unsupported") if stage in stages
    }
    yield Check("ledger", "ok", f"{sum(stages.values())} transfers")
    if waiting:
        words = ", ".join(f"{count} {stage}" for stage, count in waiting.items())
        yield Check("waiting", "warning", f"{words}", "mft transfer list --stage …")


def _vault(home: "Home", config: "Config") -> Iterator[Check]:
    from mft.installation import open_vault
    from mft.ledger.database import Ledger, reading
    from mft.ledger.objects import object_files

    vault = open_vault(home)
    with reading(Ledger(home.ledger_url(config.ledger.url))) as books:
        known = object_files(books)
    lost = known - set(vault.files())
    if lost:
        yield Check("vault", "wrong", f"{len(lost)} files are gone (first: {min(lost)})", "restore data/vault")
    else:
        yield Check("vault", "ok", f"{len(known)} files, all there")


def _log(home: "Home", config: "Config") -> Iterator[Check]:
    from mft.audit.verify import verify_log
    from mft.crypto.signing import VerifyKey
    from mft.ledger.database import Ledger, reading

    with reading(Ledger(home.ledger_url(config.ledger.url))) as books:
        verified = verify_log(books, [VerifyKey.load(home.verify_key)])
    yield Check("audit", "ok", f"{verified.leaves} leaves verify, {verified.checkpoints} checkpoints")


def _anchors(home: "Home", config: "Config") -> Iterator[Check]:
    """How old the newest checkpoint is that each place outside this host has."""
    from mft.audit.log import newest_checkpoint
    from mft.clock import now_us
    from mft.installation import destinations
    from mft.ledger.anchors import anchor_of
    from mft.ledger.database import Ledger, reading

    places = destinations(config)
    if not places:
        unseen = "no checkpoint leaves this host: root on it could rewrite the log unnoticed"
        yield Check("anchor", "warning", unseen, "set [audit.send] in mft.toml")
        return
    with reading(Ledger(home.ledger_url(config.ledger.url))) as books:
        newest = newest_checkpoint(books)
        known = {place.id: anchor_of(books, place.id) for place in places}
    now, late = now_us(), 2 * config.audit.send_seconds * 1_000_000
    for place, row in known.items():
        if row is not None and row["failed_at"] is not None:
            said = f"{place}: fails since {when(row['failed_at'])} UTC ({row['failure']})"
            fix = "mend it, then: mft audit checkpoint --send"
            yield Check("anchor", "warning", f"{said}; it has {_kept(row, now)}", fix)
        elif newest is not None and (row is None or row["size"] < newest["size"]) and now - newest["at"] > late:
            yield Check("anchor", "warning", f"{place}: has {_kept(row, now)}", "mft audit checkpoint --send")
        else:
            yield Check("anchor", "ok", f"{place}: has {_kept(row, now)}")


def _sinks(home: "Home", config: "Config") -> Iterator[Check]:
    """Whether events leave, and what of that was tried."""
    from mft.cli.event_sinks import kinds_of
    from mft.clock import now_us
    from mft.installation import PROVEN, load_partners, sink_of
    from mft.ledger.database import Ledger, reading
    from mft.pipeline.sink_state import sink_states

    known = {profile.connection.name for profile in load_partners(home).profiles.values()}
    known |= {
        one.name for profile in load_partners(home).profiles.values() for one in profile.connection.trading_partners
    }
    for name, asked in config.events.sinks.items():
        try:
            sink_of(name, asked, home).close()
        except MFTError as error:
            yield Check("sinks", "wrong", f"{name}: {error}", f"mend [events.sinks.{name}] in mft.toml")
        named = {partner for one in asked.subscribe for partner in one.partners}
        for partner in sorted(named - known):
            yield Check("sinks", "warning", f"{name}: no partner is called {partner}", "mend its `subscribe`")
    with reading(Ledger(home.ledger_url(config.ledger.url))) as books:
        states = sink_states(books, kinds_of(config), now=now_us())
    for state in states:
        name, waiting = state["sink"], f"{state['waiting']:,} events wait"
        if state["kind"] is None:
            fix = f"name it there again, or: mft events drop --sink {name}"
            yield Check("sinks", "warning", f"{name}: not in mft.toml, and {waiting}", fix)
            continue
        if state["failing_since"]:
            since = f"{name}: not reached since {when(state['failing_since'])} UTC ({state['error']}), {waiting}"
            yield Check("sinks", "warning", since, "mft events sinks")
        if state["dead"]:
            yield Check("sinks", "warning", f"{name}: {state['dead']:,} dead letters", "mft events dead list")
        yield Check("sinks", "ok", f"{name}: {state['kind']}, proven {PROVEN[state['kind']]}; {waiting}")


def _alerts(home: "Home", config: "Config") -> Iterator[Check]:
    from mft.installation import channels
    from mft.ledger.alerts import open_alerts
    from mft.ledger.database import Ledger, reading

    with reading(Ledger(home.ledger_url(config.ledger.url))) as books:
        count = len(open_alerts(books))
    if not channels(config):
        fix = "set [alerts.mail] or [alerts] webhook in mft.toml"
        yield Check("alerts", "warning", "nobody is told of trouble", fix)
    else:
        yield Check("alerts", "ok", f"{count} open")


def _kept(row: "Row | None", now: int) -> str:
    if row is None or row["sent_at"] is None:
        return "no checkpoint yet"
    return f"the one over {row['size']:,} leaves, sent {(now - row['sent_at']) // 60_000_000} min ago"


def _parser(home: "Home", config: "Config") -> Iterator[Check]:
    from mft.pipeline.parse import Parser

    parser = Parser(memory_mib=config.pipeline.parser_memory_mib, seconds=30)
    try:
        events = list(parser.read(iter([b"hello"])))
    finally:
        parser.close()
    yield Check("parser", "ok", f"a parser process answers ({len(events)} events)")


def _door(home: "Home", config: "Config") -> Iterator[Check]:
    from mft.cli.access import server_of

    server = server_of(home)
    listen = config.doors.sftp.listen
    if server is not None:
        server.close()
        yield Check("server", "ok", f"runs; {home.ports.read_text(encoding='utf-8').strip()}")
        return
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host.strip("[]"), int(port)))
        except OSError as error:
            why = error.strerror or os.strerror(error.errno or 0)
            yield Check("server", "wrong", f"cannot listen on {listen}: {why}", "set [doors.sftp] listen in mft.toml")
            return
    yield Check("server", "ok", f"does not run; {listen} is free")


_OF_FILES = (_files, _partners, _folders, _pgp, _scanner)
_OF_DATA = (_ledger, _vault, _log, _anchors, _sinks, _alerts, _parser, _door)
