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
from typing import Any, Literal, Protocol

import mft
from mft.audit.changes import changes, masked, words_of
from mft.audit.log import Fact, canonical
from mft.audit.sequencer import Sequencer
from mft.audit.signing_keys import SigningKeys
from mft.command_socket import CommandSocket, HoldName, no_unwrap
from mft.config import Config
from mft.core import ChangeSigningKey, Core, HomeLock, KeepProfile, Note, Reload, ReloadKeys, Request
from mft.crypto.keyring import FolderKeyring
from mft.crypto.stream import context
from mft.doors import SftpDoors
from mft.durable import write_file
from mft.endpoints.folder import FolderDoor, House
from mft.endpoints.process import GiveWay
from mft.errors import BadConfig, Broken, MFTError, Missing, Refused
from mft.home import Home
from mft.installation import channels, check_retention, destinations, event_sinks, load_partners
from mft.keychain import change_signing_key, keep_host_keys, reload_keys, settle
from mft.ledger.database import Ledger, Readers, reading, sqlite_version
from mft.ledger.keys import key_pairs
from mft.ledger.migrate import migrate, version
from mft.ledger.objects import sealed_object
from mft.ledger.profiles import last_profiles, was_removed
from mft.mend import forget_lost_parts, salvage, sweep
from mft.own_process import keep_to_ourselves
from mft.pipeline.alerts import Alerts
from mft.pipeline.anchor import Anchors
from mft.pipeline.deadlines import Deadlines
from mft.pipeline.deliver import Delivery
from mft.pipeline.emit import Relay
from mft.pipeline.expiry import Ending, Expiry, our_endings, partners_endings, pgp_endings
from mft.pipeline.pgp import NoGpg, listed
from mft.pipeline.receipts import Receipts
from mft.pipeline.retention import Sweep
from mft.pipeline.rewrap import Leftovers
from mft.pipeline.runner import Runner, node
from mft.pipeline.scan import Rescan, Scanning
from mft.pipeline.small_objects import Mover
from mft.records.cache import Compaction
from mft.sinks.clamd import Clamd
from mft.sinks.mailbox import target_of
from mft.vault.store import Vault
from partners.connection import Connection
from partners.load import EMPTY, Directory
from partners.route import Routes

ORPHAN_SECONDS = 7 * 86_400
CONFIG_FILE = "mft.toml"
ROUTES_FILE = "routes.toml"


class Part(Protocol):
    """Something that works in a thread of its own while we serve."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


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
        ledger = Ledger(home.ledger_url(config.ledger.url))
        if not ledger.exists():
            raise Missing(f"{home.root} has no ledger: make a home with `mft init`, or restore it from a backup")
        if version(ledger) is None and next(vault.files(), None) is not None:
            raise Broken(f"the ledger is empty, and {vault.root} is not: restore the ledger from a backup")
        migrate(ledger)

        def keep(part: Part) -> None:
            part.start()
            cleanup.callback(part.stop)

        def broken(error: Broken) -> None:
            self.failure = self.failure or error
            loop.call_soon_threadsafe(self._stop_asked.set)

        core = self.core = Core(
            ledger,
            subscriptions=config.events.subscriptions(),
            on_broken=broken,
            remove_object=vault.remove,
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
        keep(sequencer)
        cleanup.callback(lambda: self._unless_broken(lambda: core.run(Note("server.stopped", "server"))))
        anchors.start()
        self._receipts.start()
        cleanup.callback(self._receipts.stop)

        relays = [
            Relay(sink, readers, core.run, broken, terms=terms, by=f"{node()}:{os.getpid()}")
            for sink, terms in event_sinks(home, config, vault, readers.get)
        ]
        for relay in relays:
            keep(relay)
            core.on("announced", relay.wake)
        for relay in relays:  # All are asked before the first is waited for, since each may wait for its sink.
            cleanup.callback(relay.ask_to_stop)
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
        keep(delivery)
        core.on("announced", delivery.wake)
        if scanner is not None:
            rescan = Rescan(scanner, readers.get, core.run, broken)
            keep(rescan)
        deadlines = Deadlines(
            core.run,
            broken,
            retry_seconds=config.receive.retry_seconds,
            stalled_seconds=config.receive.stalled_seconds,
            incomplete_seconds=config.receive.incomplete_seconds,
        )
        keep(deadlines)
        compaction = Compaction(vault, readers.get, core.run, broken, look_seconds=config.records.compact_seconds)
        keep(compaction)

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
        keep(alerts)
        keeping = Sweep(readers.get, core.run, broken, config.retention.limits_by_class())
        keep(keeping)
        if config.vault.blobs_hours:
            mover = Mover(vault, readers.get, core.run, broken, after_hours=config.vault.blobs_hours)
            keep(mover)

        leftovers = self._leftovers = Leftovers(readers.get, keyring, core.run, broken)
        keep(leftovers)
        expiry = Expiry(self._endings, readers.get, core.run, broken, warn_days=config.keys.warn_days)
        self._readers = readers
        keep(expiry)

        self._vault, self._readers, self._ledger, self._broken = vault, readers, ledger, broken
        unwrap = self._dek if config.doors.processes else no_unwrap
        self._commands = CommandSocket(
            home.socket, core, self._answer, unwrap=unwrap, on_wanted=self._wanted, on_gone=self._salvage
        )
        await self._commands.start()
        self.doors = SftpDoors(
            home,
            config,
            core=core,
            vault=vault,
            readers=readers,
            keyring=keyring,
            directory=lambda: self._directory,
            on_death=lambda how: print(how, file=sys.stderr, flush=True),
            on_broken=broken,
        )
        self.sftp_address = await self.doors.start()
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

    def _dek(self, object_id: str) -> bytes:
        """Raises Missing: no such object; UnsealFailed: no key for it."""
        sealed = sealed_object(self._readers.get(), object_id)
        return self._vault.keyring.unwrap(sealed.bucket, sealed.wrapped_dek, context(sealed.tenant, sealed.id))

    async def _wanted(self, name: HoldName) -> None:
        """A door process wants a name that another one holds."""
        await self.doors.give_way(GiveWay(name.connection, name.folder, name.name))

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
        await self.doors.keys_changed()
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
        await self.doors.partners_changed()
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
        if hasattr(self, "doors"):
            await self.doors.drain(drain_seconds)
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
