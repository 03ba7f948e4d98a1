"""Builds every object once, runs them, drains them. Doors open last and close first."""

import asyncio
import hashlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import mft
from mft.audit.changes import changes, masked, words_of
from mft.audit.log import Fact, canonical
from mft.audit.sequencer import Sequencer
from mft.audit.signing_keys import SigningKeys
from mft.command_socket import CommandSocket, HoldName, no_unwrap
from mft.config import Config, Home
from mft.core import ChangeSigningKey, Core, HomeLock, KeepProfile, Note, Reload, ReloadKeys, Request
from mft.crypto.keyring import FolderKeyring, Keyring
from mft.crypto.stream import context, plain_size
from mft.durable import write_file
from mft.endpoints.folder import FolderDoor, House
from mft.endpoints.limits import Admission
from mft.endpoints.process import GiveWay, Handover, Profiles, PublicKeys, Settings
from mft.endpoints.processes import DoorProcesses
from mft.endpoints.sftp import SftpDoor, bind
from mft.errors import BadConfig, Broken, MFTError, Missing, Refused
from mft.keychain import change_signing_key, keep_host_keys, reload_keys, settle
from mft.ledger.database import Ledger, Readers, reading, sqlite_version
from mft.ledger.keys import key_pairs
from mft.ledger.migrate import migrate, version
from mft.ledger.objects import erased_objects, is_blob, object_files, sealed_object
from mft.ledger.profiles import last_profiles, was_removed
from mft.ledger.record_parts import parts_in_files
from mft.ledger.uploads import under_way
from mft.own_process import keep_to_ourselves
from mft.pipeline import route
from mft.pipeline.agreements import problems
from mft.pipeline.alerts import Alerts, Channel
from mft.pipeline.anchor import Anchors, Destination
from mft.pipeline.deadlines import Deadlines
from mft.pipeline.deliver import Delivery
from mft.pipeline.emit import Relay, Sink
from mft.pipeline.expiry import Ending, Expiry, our_endings, partners_endings, pgp_endings
from mft.pipeline.pgp import NoGpg, listed
from mft.pipeline.receipts import Receipts
from mft.pipeline.receive import Salvage
from mft.pipeline.retention import Sweep
from mft.pipeline.rewrap import Leftovers
from mft.pipeline.runner import Runner
from mft.pipeline.scan import Rescan, Scanning
from mft.pipeline.small_objects import Mover
from mft.records.cache import Compaction, DropPart
from mft.sinks.bucket import Bucket
from mft.sinks.checkpoints import Command, Mail, Syslog
from mft.sinks.clamd import Clamd
from mft.sinks.file import FileSink
from mft.sinks.mailbox import target_of
from mft.sinks.people import AlertMail, Webhook
from mft.vault.store import Vault
from partners.connection import Connection
from partners.load import EMPTY, Directory, Profile, load_directory
from partners.route import Routes
from partners.strict_toml import BadFile
from partners.watched_folder import clashes

ORPHAN_SECONDS = 7 * 86_400
CONFIG_FILE = "mft.toml"
ROUTES_FILE = "routes.toml"


def load_partners(home: Home) -> Directory:
    """Raises BadConfig: with every problem of every partner file, and of every guide beside them."""
    try:
        directory = load_directory(home.partners, home.guides, home.routes)
    except BadFile as error:
        raise BadConfig(str(error)) from None
    watched = [
        (str(profile.path), folder)
        for profile in directory.profiles.values()
        for folder in profile.connection.watched_folders
    ]
    found = [*problems(directory), *(f"{path}: {what}" for path, what in clashes(watched))]
    if found := [*found, *route.problems(directory, home.routes, home.root)]:
        raise BadConfig("\n".join(found))
    return directory


def check_retention(directory: Directory, config: Config, keyring: Keyring) -> None:
    """Raises BadConfig: partner files name a class that mft.toml does not, or a class has no key."""
    found = _unknown_classes(directory, config)
    for name in config.retention.limits_by_class():
        try:
            keyring.seal_for(name)
        except BadConfig as error:
            found.append(str(error))
    if found:
        raise BadConfig("\n".join(found))


def check_more(directory: Directory, profile: Profile, config: Config) -> None:
    """Whether a partner more fits. Raises BadConfig: it names a guide or a retention class that is not there."""
    alone = Directory({profile.connection.id: profile}, directory.guides)
    if found := [*problems(alone), *_unknown_classes(alone, config)]:
        raise BadConfig("\n".join(found))


def _unknown_classes(directory: Directory, config: Config) -> list[str]:
    known = config.retention.limits_by_class()
    return [
        f"{profile.path}: retention class `{name}` is not in mft.toml: add [retention.classes.{name}], or name another"
        for profile in directory.profiles.values()
        for name in sorted(profile.connection.retention_classes - known.keys())
    ]


def destinations(config: Config) -> list[Destination]:
    """Every place outside this host that checkpoints go to."""
    send, found = config.audit.send, list[Destination]()
    if send.syslog:
        found.append(Syslog(send.syslog))
    if send.command:
        found.append(Command(send.command))
    if send.mail.server:
        mail = send.mail
        password = Path(mail.password_file) if mail.password_file else None
        found.append(Mail(mail.server, mail.sender, mail.to, mail.user, password))
    if send.bucket.endpoint:
        keys = send.bucket.model_dump() | {"secret_key_file": Path(send.bucket.secret_key_file)}
        found.append(Bucket(**keys))
    return found


def channels(config: Config) -> list[Channel]:
    """Every way to people."""
    mail, found = config.alerts.mail, list[Channel]()
    if mail.server:
        password = Path(mail.password_file) if mail.password_file else None
        found.append(AlertMail(mail.server, mail.sender, mail.to, mail.user, password))
    if config.alerts.webhook:
        found.append(Webhook(config.alerts.webhook))
    return found


def open_vault(home: Home) -> Vault:
    """The vault with the keys to open it. Raises BadConfig: a key file is missing or open to others."""
    return Vault(home.vault, FolderKeyring(home.keys))


def salvage(core: Core, ledger: Ledger, vault: Vault, only: set[str] | None = None) -> int:
    """Keep what is whole of uploads (or `only` of these) whose process died; returns how many."""
    with reading(ledger) as books:
        found = [row for row in under_way(books) if only is None or row["id"] in only]
        pieces = [sealed_object(books, row["object_id"]) if row["object_id"] else None for row in found]
    for row, piece in zip(found, pieces, strict=True):
        size = vault.salvage(piece) if piece is not None and piece.cut else 0
        core.run(Salvage(row["id"], plain_size(size, cut=True) if size else 0, size))
    return len(found)


def forget_lost_parts(core: Core, ledger: Ledger, vault: Vault) -> None:
    """Let parts of the cache of records go whose files are gone: they are made again."""
    with reading(ledger) as books:
        parts = parts_in_files(books)
    for object_id, part in parts.items():
        if not vault.has_file(object_id):
            core.run(DropPart(part))


def sweep(ledger: Ledger, vault: Vault) -> int:
    """Set vault files aside that no row speaks of: uploads that were never acknowledged. Returns how many.

    They are deleted a week later: if the ledger was restored from a backup that is too old, they are files of partners.

    Raises:
        Broken: a row speaks of a file that is gone; nothing is moved then.
    """
    with reading(ledger) as books:
        known, erased = object_files(books), erased_objects(books)
    found = set(vault.files())
    if lost := known - found:
        raise Broken(
            f"{len(lost)} objects are in the ledger and their files are gone from {vault.root} "
            f"(first: {min(lost)}): restore the vault from a backup"
        )
    for object_id in found & erased:  # Forgotten, and the server ended before its file was removed.
        vault.remove(object_id)
    strange = found - known - erased
    with reading(ledger) as books:
        copies = {object_id for object_id in strange if is_blob(books, object_id)}
    for object_id in copies:  # On its way out of the ledger, which still has it.
        vault.remove(object_id)
    orphans = strange - copies
    for orphan in orphans:
        vault.set_aside(orphan)
    vault.forget_orphans(older_than_seconds=ORPHAN_SECONDS)
    return len(orphans)


class Server:
    """One running mft. `start`, then `wait` until something says stop, then `stop`.

    Resource handling: what `start` opened is closed by `stop`, in the opposite order, also when `start` fails half-way.
    Error handling: a broken disk or ledger ends `wait`, and `failure` says why.
    """

    def __init__(self, home: Home, config: Config) -> None:
        self.home = home
        self.config = config
        self.failure: Broken | None = None
        self.sftp_address: tuple[str, int] | None = None
        self._directory = EMPTY
        self._cleanup = ExitStack()
        self._stop_asked = asyncio.Event()
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        home, config, cleanup = self.home, self.config, self._cleanup
        loop = asyncio.get_running_loop()
        keep_to_ourselves()
        lock = HomeLock(home.lock)
        cleanup.callback(lock.release)
        directory = load_partners(home)
        keyring = self._keyring = FolderKeyring(home.keys)
        check_retention(directory, config, keyring)
        vault = Vault(home.vault, keyring)
        signing = self._signing = SigningKeys(home.keys)
        ledger = Ledger(home.ledger_url(config))
        if not ledger.exists():
            raise Missing(f"{home.root} has no ledger: make a home with `mft init`, or restore it from a backup")
        if version(ledger) is None and next(vault.files(), None) is not None:
            raise Broken(f"the ledger is empty, and {vault.root} is not: restore the ledger from a backup")
        migrate(ledger)
        sinks: list[Sink] = [FileSink(home.events_file)] if config.events.file else []

        def broken(error: Broken) -> None:
            self.failure = self.failure or error
            loop.call_soon_threadsafe(self._stop_asked.set)

        core = self.core = Core(
            ledger, sinks=tuple(sink.name for sink in sinks), on_broken=broken, remove_object=vault.remove
        )
        cleanup.callback(core.close)
        with reading(ledger) as books:
            settle(core, books, keyring, signing)
        keep_host_keys(core, home.host_keys)
        salvaged = salvage(core, ledger, vault)
        forget_lost_parts(core, ledger, vault)
        orphans = sweep(ledger, vault)
        vault.scratch.mkdir(mode=0o700, exist_ok=True)
        readers = Readers(ledger)
        cleanup.callback(readers.close)
        self._receipts = Receipts(vault, readers.get, core.run, broken, directory=lambda: self._directory)
        sequencer = Sequencer(
            core.writer.submit,
            signing.in_force,
            broken,
            checkpoint_seconds=config.audit.checkpoint_seconds,
            checkpoint_leaves=config.audit.checkpoint_leaves,
            signed=self._receipts.wake,
        )
        core.run(Note("server.started", "server", facts={"version": mft.__version__, "sqlite": sqlite_version()}))
        if orphans or salvaged:
            core.run(Note("vault.swept", "server", facts={"orphans": orphans, "salvaged": salvaged}))
        self._note_settings(core)
        self._load(core, directory, actor="server")
        core.on("noted", sequencer.wake)
        anchors = Anchors(destinations(config), readers.get, core.run, broken, send_seconds=config.audit.send_seconds)
        cleanup.callback(anchors.stop)  # Behind the sequencer, whose last checkpoint it sends.
        sequencer.start()
        cleanup.callback(sequencer.stop)
        cleanup.callback(lambda: self._unless_broken(lambda: core.run(Note("server.stopped", "server"))))
        anchors.start()
        self._receipts.start()
        cleanup.callback(self._receipts.stop)

        for sink in sinks:
            relay = Relay(sink, readers, core.run, broken)
            relay.start()
            cleanup.callback(relay.stop)
            core.on("announced", relay.wake)
        scanner = Clamd(config.scan.clamd) if config.scan.clamd else None
        runner = Runner(
            vault=vault,
            readers=readers,
            submit=core.run,
            on_broken=broken,
            threads=config.pipeline.parsers,
            memory_mib=config.pipeline.parser_memory_mib,
            seconds=config.pipeline.parse_seconds,
            directory=lambda: self._directory,
            pgp=home.pgp_keys,
            scanning=Scanning(scanner, config.scan.mib_max << 20, config.scan.too_large == "pass"),
        )
        runner.start()
        cleanup.callback(lambda: self._unless_broken(runner.stop))
        core.on("arrived", runner.wake)
        delivery = self._delivery = Delivery(
            vault, readers, core.run, broken, lambda: self._directory, partial(target_of, vault=vault)
        )
        delivery.start()
        cleanup.callback(delivery.stop)
        core.on("announced", delivery.wake)
        if scanner is not None:
            rescan = Rescan(scanner, readers.get, core.run, broken)
            rescan.start()
            cleanup.callback(rescan.stop)
        deadlines = Deadlines(
            core.run,
            broken,
            retry_seconds=config.receive.retry_seconds,
            stalled_seconds=config.receive.stalled_seconds,
            incomplete_seconds=config.receive.incomplete_seconds,
        )
        deadlines.start()
        cleanup.callback(deadlines.stop)
        compaction = Compaction(vault, readers.get, core.run, broken, look_seconds=config.records.compact_seconds)
        compaction.start()
        cleanup.callback(compaction.stop)

        alerts = Alerts(
            config.alerts.in_force(),
            channels(config),
            readers.get,
            core.run,
            broken,
            socket.gethostname(),
            home.data,
            config.alerts.look_seconds,
        )
        alerts.start()
        cleanup.callback(alerts.stop)
        keeping = Sweep(readers.get, core.run, broken, config.retention.limits_by_class())
        keeping.start()
        cleanup.callback(keeping.stop)
        if config.vault.blobs_hours:
            mover = Mover(vault, readers.get, core.run, broken, after_hours=config.vault.blobs_hours)
            mover.start()
            cleanup.callback(mover.stop)

        leftovers = self._leftovers = Leftovers(readers.get, keyring, core.run, broken)
        leftovers.start()
        cleanup.callback(leftovers.stop)
        expiry = Expiry(self._endings, readers.get, core.run, broken, warn_days=config.keys.warn_days)
        self._readers = readers
        expiry.start()
        cleanup.callback(expiry.stop)

        self._vault, self._readers, self._ledger, self._broken = vault, readers, ledger, broken
        unwrap = self._dek if config.doors.processes else no_unwrap
        self._commands = CommandSocket(
            home.socket, core, self._answer, unwrap=unwrap, on_wanted=self._wanted, on_gone=self._salvage
        )
        await self._commands.start()
        self.sftp_address = await (self._start_processes() if config.doors.processes else self._start_door())
        write_file(home.ports, json.dumps({"sftp": "{}:{}".format(*self.sftp_address)}).encode() + b"\n")
        cleanup.callback(lambda: home.ports.unlink(missing_ok=True))
        if config.doors.folder.enabled:
            self._folders = FolderDoor(
                House(
                    vault=vault,
                    readers=readers,
                    submit=core.submit,
                    directory=lambda: self._directory,
                    on_broken=broken,
                    free_bytes_min=config.receive.free_mib_min << 20,
                )
            )
            self._folders.follow(directory)

    def _note_settings(self, core: Core) -> None:
        """Leave a leaf that says what is different in mft.toml and the environment since the last start."""
        settings, words = masked(self.config.model_dump(mode="json")), words_of(Config.model_json_schema())
        self._note_changes(core, "settings", CONFIG_FILE, settings, words, actor="server")

    def _note_changes(
        self,
        core: Core,
        kind: Literal["routes", "settings"],
        file: str,
        now: dict[str, Any],
        words: frozenset[str],
        *,
        actor: str,
    ) -> None:
        body = canonical(now)
        digest = hashlib.sha256(body).hexdigest()
        last = core.writer.run(lambda books: last_profiles(books, kind)).get(file)
        if last is None or last["hash"] != digest:
            facts: dict[str, Fact] = {"digest": digest}
            private = {}
            if last is not None:
                facts["changed"], private["diff"] = changes(json.loads(last["body"]), now, words)
            core.run(Note(f"{kind}.loaded", actor, facts=facts, private=private))
        core.run(KeepProfile(digest, file, file, body.decode(), kind))

    # The door, in here or as processes

    async def _start_door(self) -> tuple[str, int]:
        settings = self._settings()
        host, port = self._listen_at()
        self._door = SftpDoor(
            host=host,
            port=port,
            host_keys=self._host_keys(),
            directory=lambda: self._directory,
            on_broken=self._broken,
            submit=self.core.submit,
            readers=self._readers,
            vault=self._vault,
            admission=Admission(
                unproven_max=settings.unproven_max,
                unproven_per_source_max=settings.unproven_per_source_max,
                arrivals_per_second_max=settings.arrivals_per_second_max,
            ),
            login_seconds=settings.login_seconds,
            idle_seconds=settings.idle_seconds,
            visible_seconds=settings.visible_seconds,
            retry_seconds=settings.retry_seconds,
            free_mib_min=settings.free_mib_min,
        )
        return await self._door.start()

    async def _start_processes(self) -> tuple[str, int]:
        listener = bind(*self._listen_at())
        host_keys = self._host_keys()

        def handover() -> Handover:
            return Handover(
                core=os.getpid(),
                ledger_url=self.home.ledger_url(self.config),
                vault=str(self.home.vault),
                command_socket=str(self.home.socket),
                host_keys=host_keys,
                profiles=self._profiles(),
                public_keys=self._public_keys(),
                settings=self._settings(),
            )

        self._processes = DoorProcesses(
            count=self.config.doors.processes,
            listener=listener,
            handover=handover,
            on_death=lambda how: print(how, file=sys.stderr, flush=True),
            on_broken=self._broken,
        )
        host, port = listener.getsockname()[:2]
        await self._processes.start()
        return str(host), int(port)

    def _listen_at(self) -> tuple[str, int]:
        host, _, port = self.config.doors.sftp.listen.rpartition(":")
        return host.strip("[]"), int(port)

    def _host_keys(self) -> list[bytes]:
        return [path.read_bytes() for path in self.home.host_keys]

    def _settings(self) -> Settings:
        sftp, receive = self.config.doors.sftp, self.config.receive
        return Settings(
            unproven_max=sftp.unproven_max,
            unproven_per_source_max=sftp.unproven_per_source_max,
            arrivals_per_second_max=sftp.arrivals_per_second_max,
            login_seconds=sftp.login_seconds,
            idle_seconds=sftp.idle_seconds,
            visible_seconds=sftp.visible_seconds,
            retry_seconds=receive.retry_seconds,
            free_mib_min=receive.free_mib_min,
        )

    def _profiles(self) -> Profiles:
        return Profiles([profile.body for profile in self._directory.profiles.values()])

    def _public_keys(self) -> PublicKeys:
        return PublicKeys({name: key.public_bytes for name, key in self._keyring.held.newest.items()})

    async def keys_changed(self) -> None:
        """Tell door processes what to seal for; to be called when the keyring has been read again."""
        if hasattr(self, "_processes"):
            await self._processes.tell(self._public_keys())

    def _dek(self, object_id: str) -> bytes:
        """Raises Missing: no such object; UnsealFailed: no key for it."""
        sealed = sealed_object(self._readers.get(), object_id)
        return self._vault.keyring.unwrap(sealed.bucket, sealed.wrapped_dek, context(sealed.tenant, sealed.id))

    async def _wanted(self, name: HoldName) -> None:
        """A door process wants a name that another one holds."""
        await self._processes.tell(GiveWay(name.connection, name.folder, name.name))

    async def _salvage(self, transfers: set[str]) -> None:
        """A door process is gone: what it was receiving becomes partials, as at a start."""
        try:
            await asyncio.to_thread(salvage, self.core, self._ledger, self._vault, transfers)
        except MFTError as error:
            self._broken(error if isinstance(error, Broken) else Broken(str(error)))

    def _load(self, core: Core, directory: Directory, *, actor: str) -> dict[str, int]:
        """Put partner files into force; returns how many were added, changed and removed."""
        old, new = self._directory.profiles, directory.profiles
        changed = {key for key in old.keys() & new.keys() if old[key].hash != new[key].hash}
        diff = {
            "added": len(new.keys() - old.keys()),
            "changed": len(changed),
            "removed": len(old.keys() - new.keys()),
        }
        last = core.writer.run(lambda books: last_profiles(books, "connection"))
        words = words_of(Connection.model_json_schema())
        for key, profile in new.items():
            connection = profile.connection
            if key in changed or key not in old:
                facts: dict[str, Fact] = {"profile": profile.hash, "enabled": int(connection.enabled)}
                private = {"name": connection.name}
                if key in last and last[key]["hash"] != profile.hash:
                    names, lines = changes(json.loads(last[key]["body"]), json.loads(profile.body), words)
                    facts["changed"], private["diff"] = names, lines
                core.run(Note("partner.loaded", actor, connection=connection.id, facts=facts, private=private))
            # Behind its leaf: a crash in between tells of the change twice, not never.
            core.run(KeepProfile(profile.hash, connection.id, connection.name, profile.body))
        for key in sorted(last.keys() - new.keys()):
            if not core.writer.run(partial(was_removed, connection=key)):
                core.run(Note("partner.removed", actor, connection=key, private={"name": last[key]["name"]}))
        before = self._directory.guides
        for name, guide in directory.guides.items():
            if name not in before or before[name].hash != guide.hash:
                core.run(KeepProfile(guide.hash, guide.id, guide.id, guide.text, "guide"))
                core.run(Note("guide.loaded", actor, facts={"guide": guide.id, "digest": guide.hash}))
        if directory.routes.routes or ROUTES_FILE in core.writer.run(lambda books: last_profiles(books, "routes")):
            routes, words = directory.routes.model_dump(mode="json"), words_of(Routes.model_json_schema())
            self._note_changes(core, "routes", ROUTES_FILE, routes, words, actor=actor)
        core.run(Note("config.loaded", actor, facts=dict(diff)))
        self._directory = directory
        return diff

    def _endings(self, now: datetime) -> Iterator[Ending]:
        """Of every key whose end is watched."""
        ages = self.config.keys
        days_max = {"host": ages.host_days_max, "bucket": ages.bucket_days_max, "signing": ages.signing_days_max}
        yield from partners_endings(self._directory, now)
        yield from our_endings(key_pairs(self._readers.get()), days_max, now)
        with suppress(Refused, NoGpg):  # `mft doctor` tells of it.
            yield from pgp_endings(listed(self.home.pgp_keys), now)

    async def _answer(self, request: Request) -> dict[str, Any]:
        match request:
            case Reload():
                return await self._reload(request)
            case ReloadKeys():
                return await self._reload_keys(request)
            case ChangeSigningKey():
                return await asyncio.to_thread(change_signing_key, self.core, self._signing, request)

    async def _reload_keys(self, command: ReloadKeys) -> dict[str, str]:
        """Seal for the newest bucket keys from now on; returns their ids by class."""
        sealing = await asyncio.to_thread(reload_keys, self.core, self._keyring, command)
        self._leftovers.wake()
        await self.keys_changed()
        return sealing

    async def _reload(self, command: Reload) -> dict[str, int]:
        async with self._reloading:
            try:
                directory = await asyncio.to_thread(load_partners, self.home)
                check_retention(directory, self.config, self._keyring)
            except BadConfig:
                refused = Note("config.loaded", command.actor, result="refused")
                await asyncio.wrap_future(self.core.submit(refused))
                raise
            diff = await asyncio.to_thread(self._load, self.core, directory, actor=command.actor)
        if hasattr(self, "_processes"):
            await self._processes.tell(self._profiles())
        else:
            self._door.part_with_strangers()
        if hasattr(self, "_folders"):
            await asyncio.to_thread(self._folders.follow, directory)
        self._receipts.wake()
        self._delivery.wake()
        return diff

    @property
    def stopping(self) -> bool:
        """Whether somebody, or a failure, asked for the end."""
        return self._stop_asked.is_set()

    def ask_to_stop(self) -> None:
        self._stop_asked.set()

    async def wait(self) -> None:
        await self._stop_asked.wait()

    async def stop(self) -> None:
        """Close the doors, finish what is in hand, sign the last checkpoint."""
        if hasattr(self, "_folders"):
            await asyncio.to_thread(self._folders.stop)
        drain_seconds = 0 if self.failure else self.config.doors.sftp.drain_seconds
        if hasattr(self, "_door"):
            await self._door.drain(drain_seconds)
        if hasattr(self, "_processes"):
            await self._processes.drain(drain_seconds)
        if hasattr(self, "_commands"):
            await self._commands.stop()
        await asyncio.to_thread(self._cleanup.close)

    def _unless_broken(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Broken:
            return  # Said once already, by `failure`.


def notify(state: str) -> None:
    """Tell systemd, where it listens: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect("\0" + address[1:] if address.startswith("@") else address)
            channel.sendall(state.encode())


async def serve(home: Home, config: Config, *, started: Callable[[Server], None]) -> Broken | None:
    """Run until SIGTERM or SIGINT; SIGHUP reads the partner files again. Returns why it broke, if it did."""
    server = Server(home, config)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.ask_to_stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # Its own meaning would be our end.
    await server.start()
    reloads: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        try:
            diff = await server._reload(Reload("signal"))  # noqa: SLF001  The same module.
            print(
                "partner files:",
                ", ".join(f"{count} {what}" for what, count in diff.items()),
                file=sys.stderr,
            )
        except BadConfig as error:
            print(f"partner files were not reloaded:\n{error}", file=sys.stderr)

    def on_hangup() -> None:
        task = loop.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    started(server)
    notify("READY=1")
    await server.wait()
    notify("STOPPING=1")
    await server.stop()
    return server.failure
