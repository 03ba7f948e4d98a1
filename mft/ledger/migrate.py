"""Brings a ledger's tables to the newest migration. Forward only: a backup is the way back."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Table, Text, select

from mft.errors import Refused
from mft.ledger.database import Ledger, database_errors, reading, sqlite_driver
from mft.ledger.tables import HEAD, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_VERSION = Table("alembic_version", METADATA.__class__(), Column("version_num", Text))


def version(ledger: Ledger) -> str | None:
    """The newest migration that the ledger has; None where it has no tables yet."""
    if not ledger.exists():
        return None
    with reading(ledger) as books:
        try:
            row = books.first(select(_VERSION.c.version_num))
        except database_errors(ledger.dialect_name):
            return None
    return str(row["version_num"]) if row else None


def migrate(ledger: Ledger) -> None:
    """Create or update the tables; a ledger that is up to date costs one read.

    Raises:
        Refused: the ledger was written by a newer mft.
    """
    found = version(ledger)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise Refused(f"the ledger is at migration {found}, newer than this program's {HEAD}: install a newer mft")
    from alembic import command

    with _connection(ledger) as connection:
        command.upgrade(alembic_config(connection), "head")
        connection.commit()


@contextmanager
def _connection(ledger: Ledger) -> "Iterator[Connection]":
    from sqlalchemy import URL, create_engine

    if ledger.path is not None:
        engine = create_engine(URL.create("sqlite", database=str(ledger.path)), module=sqlite_driver)
    else:
        engine = create_engine("postgresql+psycopg" + ledger.url.removeprefix("postgresql"))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def alembic_config(connection: "Connection") -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


if TYPE_CHECKING:
    from alembic.config import Config
