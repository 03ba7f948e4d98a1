"""The door itself: who is let in, on what terms, and what is open."""

import asyncio
import logging
import math
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import asyncssh

from mft.clock import now_us
from mft.command_socket import FreeName, HoldName, OfDoor
from mft.core import Command, Note
from mft.domain import INBOUND, Arrival, Principal
from mft.endpoints.limits import Admission, Intake
from mft.endpoints.sftp.session import Session
from mft.errors import Broken, Busy
from mft.ledger import uploads
from mft.ledger.database import Readers
from mft.vault.store import Vault
from partners.connection import Connection, fingerprint
from partners.load import Directory
from partners.uploads import Uploads

T = TypeVar("T")

ENCRYPTION: Final = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr")
KEY_EXCHANGE: Final = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
)
MAC: Final = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
SIGNATURES: Final = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

BACKLOG: Final = 256
_ATTEMPTS_MAX: Final = 6  # Keys that one connection may offer in vain.
_OFFERS_MAX: Final = 20  # Keys that it may offer at all: a known one with a bad signature is not in vain to us.
_SILENT_SECONDS: Final = 20  # A writer that says nothing for so long gives way to another one of the name.
_PARTING_SECONDS: Final = 1  # At a stop, for what follows a file's CLOSE: its rename, a goodbye.
_SESSIONS_MAX: Final = 64  # In the life of one connection; each may hold 128 files.
_STOPPING: Final = "the server is stopping: try again later"
_UPLOADS_MAX: Final = 64  # Of one partner at once; each may hold ten megabytes,
_READING_MAX: Final = 128  # and each file that they read, one.
_LOGINS_MAX: Final = 256  # Connections of one partner.
_THREADS_EACH: Final = 2
_THREADS: Final = 16
_DRAIN_TASKS_SECONDS: Final = 60  # At a stop, for what is being put on the disk.


def authenticate(directory: Directory, user: str, key_blob: bytes, *, now: datetime) -> Principal | None:
    """Who a user with a key is, or None.

    Signature checks are the transport's; it asks here for every key that is offered, and again for the one that signed.
    """
    return admit(directory, user, fingerprint(key_blob), now=now) if key_blob else None


def admit(directory: Directory, user: str, offered: str, *, now: datetime) -> Principal | None:
    """Who a user with a key of this fingerprint is, or None: the one place that decides it."""
    found = directory.login(user)
    if found is None:
        return None
    profile, login = found
    if not any(key.fingerprint == offered and key.usable(now) for key in login.keys):
        return None
    connection = profile.connection
    return Principal(
        connection=connection.id,
        partner=connection.name,
        login=login.user,
        key_fingerprint=offered,
        profile_hash=profile.hash,
        start=login.start.encode(),
    )


def _cannot_listen(address: str, error: OSError) -> Busy:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return Busy(
        f"cannot listen on {address}: {reason}. Stop what uses the port, or set [doors.sftp] listen in mft.toml"
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket for doors to share. Raises Busy: the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _cannot_listen(f"{host}:{port}", error) from None


_OUR_HOST_KEYS: Final = 2  # Ed25519 and RSA; whatever there is beside them is of an earlier server.


def _host_key(pem: bytes) -> asyncssh.SSHKeyPair:
    """Our own key, to sign with what we offer and nothing else: RSA would do so with SHA-1 too."""
    key = asyncssh.import_private_key(pem, unsafe_skip_rsa_key_validation=True)  # Ours: it need not be proven prime.
    (pair,) = asyncssh.load_keypairs(key)
    pair.host_key_algorithms = [name for name in pair.host_key_algorithms if name.decode() in SIGNATURES]
    if pair.algorithm == b"ssh-rsa":
        pair.set_sig_algorithm(b"rsa-sha2-512")  # Also for the proof that it is ours, which clients learn it by.
    return pair


@dataclass(eq=False, slots=True)
class _Holder:
    """Who writes a name, and when it is given up."""

    session: Session
    released: asyncio.Future[None]


class SftpDoor:
    """Listens, lets partners in, and keeps track of what is open."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        host_keys: list[bytes],
        directory: Callable[[], Directory],
        on_broken: Callable[[Broken], None],
        submit: "Callable[[Command], Future[Any]]",
        readers: Readers,
        vault: Vault,
        admission: Admission,
        login_seconds: int,
        idle_seconds: int,
        visible_seconds: int,
        retry_seconds: int,
        free_mib_min: int,
        listener: socket.socket | None = None,
        ask_core: "Callable[[OfDoor], Future[Any]] | None" = None,
    ) -> None:
        """With a `listener` that is bound already, `host` and `port` are not looked at.

        `ask_core` is for a door in a process of its own, beside others that write names too.
        """
        self._address: dict[str, Any] = {"sock": listener} if listener else {"host": host, "port": port}
        self._named = f"{host}:{port}"
        self._host_keys = [_host_key(pem) for pem in host_keys]  # Once: asyncssh would read files at every login.
        self._announces = len(host_keys) > _OUR_HOST_KEYS
        self.directory = directory
        self.on_broken = on_broken
        self.submit = submit
        self._ask_core = ask_core
        self.readers = readers
        self.vault = vault
        self.admission = admission
        self._login_seconds = login_seconds
        self._idle_seconds = idle_seconds
        self._visible_us = visible_seconds * 1_000_000
        self._retry_us = retry_seconds * 1_000_000
        self._free_bytes_min = free_mib_min << 20
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self.logins: set[Login] = set()
        self._holders: dict[tuple[str, bytes, bytes], _Holder] = {}  # Names with a writer: one at a time.
        self._intakes: dict[str, Intake] = {}
        self._reading: Counter[str] = Counter()
        self._hands: dict[str, asyncio.Semaphore] = {}
        self._quiet = asyncio.Event()
        self.draining = False
        self.threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="seal")

    async def start(self) -> tuple[str, int]:
        """Listen; returns the address. Raises Busy: it cannot be had."""
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # Its lines name users and files.
        logging.getLogger("asyncio").setLevel(logging.ERROR)  # It warns of each connection that was cut.
        try:
            self._acceptor = await asyncssh.listen(
                **self._address,
                server_factory=lambda: Login(self),
                server_host_keys=self._host_keys,
                send_server_host_keys=self._announces,  # OpenSSH then learns those that it does not know.
                server_version="mft",
                login_timeout=self._login_seconds,
                encryption_algs=ENCRYPTION,
                kex_algs=KEY_EXCHANGE,
                mac_algs=MAC,
                signature_algs=SIGNATURES,
                compression_algs=("none",),
                public_key_auth=True,
                password_auth=False,
                kbdint_auth=False,
                host_based_auth=False,
                gss_host=None,
                allow_pty=False,
                x11_forwarding=False,
                agent_forwarding=False,
                line_editor=False,
                encoding=None,
                keepalive_interval=30,
                reuse_address=True,
                backlog=BACKLOG,
            )
        except OSError as error:
            raise _cannot_listen(self._named, error) from None
        self._watch = asyncio.get_running_loop().create_task(self._end_idle())
        host, port = self._acceptor.sockets[0].getsockname()[:2]
        return str(host), int(port)

    def since(self) -> int:
        """The oldest arrival, in microseconds, that is still listed."""
        return now_us() - self._visible_us

    def repeat_since(self) -> int:
        """The oldest arrival, in microseconds, whose sender may still repeat it because our yes was lost."""
        return now_us() - self._retry_us

    def connection(self, principal: Principal) -> Connection | None:
        """A partner as their file stands now; None where it is gone."""
        profile = self.directory().profiles.get(principal.connection)
        return profile.connection if profile else None

    def rules(self, principal: Principal) -> Uploads:
        """How a partner uploads, as their file says now."""
        connection = self.connection(principal)
        return connection.uploads if connection else Uploads()

    def folders(self, principal: Principal) -> list[bytes]:
        """Every folder of a partner's profile, absolute, each behind the one it lies in."""
        connection = self.connection(principal)
        ours = connection.out_folders if connection else []
        return [*(INBOUND + b"/" + folder for folder in self.rules(principal).all_folders), *ours]

    # Quotas

    def intake(self, principal: Principal) -> Intake:
        """Where one more upload is counted. Raises QuotaExceeded: no more today; Busy: the disk has no room for it."""
        rules = self.rules(principal)
        if shutil.disk_usage(self.vault.root).free < self._free_bytes_min:
            raise Busy("the server's disk is nearly full: try again later")
        intake = self._intakes.get(principal.connection)
        if intake is None:
            since = now_us() - 86_400_000_000
            sent = uploads.intake(self.readers.get(), principal.connection, since=since)
            intake = self._intakes[principal.connection] = Intake(files=sent["files"], size_bytes=sent["bytes"])
        intake.begin(files_max=rules.day_files_max, bytes_max=rules.day_gib_max << 30)
        return intake

    def begin_reading(self, principal: Principal) -> None:
        """Raises Busy: the partner has as many files open for reading as they may."""
        if self._reading[principal.connection] >= _READING_MAX:
            raise Busy(f"{_READING_MAX} downloads of yours are under way: finish some first")
        self._reading[principal.connection] += 1

    def end_reading(self, principal: Principal) -> None:
        self._reading[principal.connection] -= 1
        if not self._reading[principal.connection]:
            del self._reading[principal.connection]

    async def in_thread(self, principal: Principal, call: Callable[[], T]) -> T:
        """Have something done that takes time. No partner holds more than two threads, however much they send."""
        hands = self._hands.get(principal.connection)
        if hands is None:
            hands = self._hands[principal.connection] = asyncio.Semaphore(_THREADS_EACH)
        async with hands:
            return await asyncio.get_running_loop().run_in_executor(self.threads, call)

    # Names

    def take_name(self, arrival: Arrival, session: Session) -> None:
        """Raises Busy: the name has a writer already, or the partner too many."""
        who = arrival.principal.connection
        self.check_free(arrival.principal, arrival.folder, arrival.name)
        if sum(connection == who for connection, _, _ in self._holders) >= _UPLOADS_MAX:
            raise Busy(f"{_UPLOADS_MAX} uploads of yours are under way: finish some first")
        released = asyncio.get_running_loop().create_future()
        self._holders[who, arrival.folder, arrival.name] = _Holder(session, released)

    def check_free(self, principal: Principal, folder: bytes, name: bytes) -> None:
        """Raises Busy: somebody writes a file of that name."""
        if (principal.connection, folder, name) in self._holders:
            raise Busy("another upload of that name is under way: try again later")

    @property
    def opens_by_core(self) -> bool:
        """Whether opening a file waits for core."""
        return self._ask_core is not None

    async def hold_name(self, arrival: Arrival) -> None:
        """Have a name that was taken here among all door processes. Raises Busy: another one writes it."""
        if self._ask_core is not None:
            name = HoldName(arrival.principal.connection, arrival.folder, arrival.name)
            await asyncio.wrap_future(self._ask_core(name))

    def leaving(
        self, principal: Principal, folder: bytes, name: bytes, *, asks: Session
    ) -> asyncio.Future[None] | None:
        """When a name will be free whose writer is gone, or silent for so long that it must be."""
        holder = self._holders.get((principal.connection, folder, name))
        if holder is None or holder.session is asks:
            return None
        if not holder.session.gone and holder.session.shares_connection(asks):
            return None
        return holder.released if self._parts(holder.session) else None

    def give_way(self, connection: str, folder: bytes, name: bytes) -> None:
        """Another door process wants a name: the same, for whoever writes it here."""
        holder = self._holders.get((connection, folder, name))
        if holder is not None:
            self._parts(holder.session)

    def _parts(self, session: Session) -> bool:
        """Whether somebody who writes a name that others want is gone, or has to be now."""
        if session.gone:
            return True
        if session.at_work or time.monotonic() - session.active_at <= _SILENT_SECONDS:
            return False
        session.disconnect("another session uploads the same file")
        return True

    def is_written_in(self, principal: Principal, folder: bytes) -> bool:
        """Whether a file is on its way into a folder."""
        return any((connection, below) == (principal.connection, folder) for connection, below, _ in self._holders)

    def release_name(self, arrival: Arrival) -> None:
        who = arrival.principal.connection
        holder = self._holders.pop((who, arrival.folder, arrival.name), None)
        if holder is not None and self._ask_core is not None:
            self._ask_core(FreeName(who, arrival.folder, arrival.name))
        if holder is not None and not holder.released.done():
            holder.released.set_result(None)
        if not self._holders:
            self._quiet.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that must not be lost when its session ends; `drain` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Who stays

    def welcome(self, principal: Principal) -> bool:
        """Whether a principal would still be let in."""
        found = admit(self.directory(), principal.login, principal.key_fingerprint, now=datetime.now(UTC))
        return found is not None and found.connection == principal.connection

    def connections_of(self, principal: Principal) -> int:
        return sum(
            login.principal is not None and login.principal.connection == principal.connection for login in self.logins
        )

    def part_with_strangers(self) -> None:
        """End the connections of those who would not be let in any more."""
        for login in list(self.logins):
            if login.principal is not None and not self.welcome(login.principal):
                login.disconnect("access was withdrawn")

    async def _end_idle(self) -> None:
        while True:
            await asyncio.sleep(min(self._idle_seconds / 4, 30))
            for login in list(self.logins):
                if login.principal is not None and login.idle_seconds() > self._idle_seconds:
                    login.disconnect(f"nothing was asked for {self._idle_seconds} seconds")

    def _silent_seconds(self) -> float:
        """How long nobody who is logged in has asked for anything."""
        return min((login.idle_seconds() for login in self.logins if login.principal), default=math.inf)

    async def drain(self, seconds: float) -> None:
        """Take no new session or file, and say so; let the open ones end for so long, then part."""
        self.draining = True
        if self._watch is not None:
            self._watch.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if self._holders:
                    self._quiet.clear()
                    await self._quiet.wait()
                silent = self._silent_seconds()
                while silent < _PARTING_SECONDS:
                    await asyncio.sleep(_PARTING_SECONDS - silent)
                    silent = self._silent_seconds()
        if self._acceptor is not None:
            self._acceptor.close()
        logins = list(self.logins)
        for login in logins:
            login.disconnect(_STOPPING)
        for login in logins:
            await login.closed()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_TASKS_SECONDS):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        self.threads.shutdown(wait=True)


class Login(asyncssh.SSHServer):
    """One connection, from its first byte to its last."""

    def __init__(self, door: SftpDoor) -> None:
        self._door = door
        self._user = ""
        self._attempts = 0
        self._offers = 0
        self._proven: Principal | None = None
        self.principal: Principal | None = None
        self._connection: asyncssh.SSHServerConnection
        self._source = "unknown"
        self._admitted = False
        self._sessions: list[Session] = []
        self._active_at = time.monotonic()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        peer = conn.get_extra_info("peername")  # Now: it is gone when the connection is.
        self._source = str(peer[0]) if peer else "unknown"
        self._admitted = self._door.admission.arrive(self._source)
        if self._admitted:
            self._door.logins.add(self)
        else:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.logins.discard(self)
        if self._admitted:
            self._door.admission.leave(self._source, proven=self.principal is not None)
        if self.principal is None and self._attempts:
            self._note("login.refused", "server", result="refused", facts={"attempts": self._attempts})

    def disconnect(self, reason: str) -> None:
        for session in self._sessions:
            session.parting = True
        self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, reason)

    def idle_seconds(self) -> float:
        """How long nobody has waited for anything here."""
        if any(session.at_work for session in self._sessions):
            return 0
        return time.monotonic() - max([self._active_at, *(session.active_at for session in self._sessions)])

    async def closed(self) -> None:
        await self._connection.wait_closed()

    def begin_auth(self, username: str) -> bool:
        self._user = username
        if self._door.draining:
            self._part(_STOPPING)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._offers += 1
        self._proven = authenticate(self._door.directory(), username, key.public_data, now=datetime.now(UTC))
        if self._proven is None:
            self._attempts += 1
        if self._attempts >= _ATTEMPTS_MAX or self._offers >= _OFFERS_MAX:
            self._part("too many keys were offered: name the one to use (IdentitiesOnly)")
        return self._proven is not None

    def _part(self, reason: str) -> None:
        """Disconnect, once what called us has had its answer."""
        asyncio.get_running_loop().call_soon(self.disconnect, reason)

    def auth_completed(self) -> None:
        self.principal = self._proven
        if self.principal is not None and self._door.connections_of(self.principal) > _LOGINS_MAX:
            self._part(f"{_LOGINS_MAX} connections of yours are open: close some first")
        self._door.admission.proven(self._source)
        self._active_at = time.monotonic()
        if self.principal is not None:
            self._note(
                "login.accepted",
                f"connection:{self.principal.connection}",
                connection=self.principal.connection,
                facts={"fingerprint": self.principal.key_fingerprint},
            )

    def session_requested(self) -> Session | bool:
        if self.principal is None or self._door.draining or len(self._sessions) >= _SESSIONS_MAX:
            return False
        session = Session(self._door, self.principal, self._source, self._client_version(), self.disconnect)
        self._sessions.append(session)  # For good: who needs more opens another connection.
        return session

    def _note(
        self,
        kind: str,
        actor: str,
        *,
        connection: str | None = None,
        result: str = "ok",
        facts: dict[str, str | int | None],
    ) -> None:
        self._door.submit(
            Note(
                kind,
                actor,
                connection=connection,
                result=result,
                facts={"door": "sftp", **facts},
                private={"account": self._user[:64], "source_address": self._source},
            )
        )

    def _client_version(self) -> str:
        version = self._connection.get_extra_info("client_version") or b""
        text = version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)
        return "".join(c if c.isprintable() else "?" for c in text)[:128]
