"""The ledger on both of its databases: SQLite in a file, and a PostgreSQL of our own that lives as long as the tests."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mft.ledger.database import Ledger, Writer
from mft.ledger.tables import METADATA
from tests.harness import eventually, missing, peer
from tests.unit.mft.ledger.entries import keep_profiles, new_ledger


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server without a database name. It sorts text as most installations do: not by bytes."""
    initdb = peer(
        "initdb", also=tuple(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)))
    )
    try:
        import psycopg
    except ImportError:
        missing("psycopg is not installed")
        raise
    binaries = Path(initdb).resolve().parent
    root = Path(tempfile.mkdtemp(prefix="mft-pg-"))  # Not pytest's: the user postgres must be able to go there.
    as_user: list[str] = []
    if os.getuid() == 0:
        shutil.chown(root, "postgres", "postgres")
        as_user = [peer("runuser"), "-u", "postgres", "--"]
    data = root / "data"
    subprocess.run(
        [*as_user, initdb, "-D", data, "-U", "mft", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
         "--locale-provider=icu", "--icu-locale=en"],
        check=True, capture_output=True, cwd=root,
    )  # fmt: skip
    options = {"listen_addresses": "", "unix_socket_directories": root, "fsync": "off", "max_connections": 40}
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [*as_user, binaries / "postgres", "-D", data, *settings],
        cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"postgresql://mft@/%s?host={root}"

    def answers() -> bool:
        try:
            psycopg.connect(url % "postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        eventually(answers, what="PostgreSQL answers")
        yield url
    finally:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)  # At once; `server` may be runuser in front of it.
        server.wait(timeout=30)
        shutil.rmtree(root)


def _database(server: str) -> str:
    """The URL of a new database."""
    import psycopg

    name = f"mft_{os.urandom(6).hex()}"
    with psycopg.connect(server % "postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")  # type: ignore[arg-type]
    return server % name


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> str:
    """The URL of a migrated database, which tests empty and use again: a new one costs a second."""
    url = _database(postgresql)
    new_ledger(url)
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "ledger.db"
    new_ledger(f"sqlite:{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """A place for a ledger, without tables."""
    if request.param == "sqlite":
        return Ledger(f"sqlite:{tmp_path / 'ledger.db'}")
    return Ledger(_database(request.getfixturevalue("postgresql")))


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """A migrated ledger that knows the connections acme and other."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "ledger.db")
        return Ledger(f"sqlite:{tmp_path / 'ledger.db'}")
    ledger = Ledger(request.getfixturevalue("migrated_postgresql"))
    books = ledger.open_writer()
    books.script("SET lock_timeout = '10s'")  # What a test left open fails the next one, by name.
    books.script(f"TRUNCATE {', '.join(METADATA.tables)}")
    keep_profiles(books)
    books.close()
    return ledger


@pytest.fixture
def writer(ledger: Ledger) -> Iterator[Writer]:
    writer = Writer(ledger)
    yield writer
    writer.close()
