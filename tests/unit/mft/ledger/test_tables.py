"""The tables and their migrations: what the code says and what a database gets are the same."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from mft.errors import Refused
from mft.ledger import migrate as migrations
from mft.ledger.database import Ledger, Writer, reading
from mft.ledger.tables import HEAD, INSTALLATION, METADATA, TRANSFER

TABLES = METADATA.sorted_tables
PORTABLE = (sa.Text, sa.BigInteger, sa.LargeBinary)


def test_migrating_from_nothing_gives_these_tables(empty_ledger: Ledger) -> None:
    assert migrations.version(empty_ledger) is None
    migrations.migrate(empty_ledger)
    assert migrations.version(empty_ledger) == HEAD
    with migrations._connection(empty_ledger) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    with reading(ledger) as books:
        before = books.rows(sa.select(sa.func.count()).select_from(METADATA.tables["profile"]))
    migrations.migrate(ledger)
    with reading(ledger) as books:
        assert books.rows(sa.select(sa.func.count()).select_from(METADATA.tables["profile"])) == before


def test_a_ledger_of_a_newer_mft_is_refused(empty_ledger: Ledger) -> None:
    ledger = empty_ledger
    migrations.migrate(ledger)
    books = ledger.open_writer()
    books.script("UPDATE alembic_version SET version_num = '9999'")
    books.close()
    with pytest.raises(Refused, match=r"9999.*install a newer mft"):
        migrations.migrate(ledger)


def test_head_is_the_newest_migration() -> None:
    folder = ScriptDirectory(str(Path(migrations.__file__).parent / "migrations"))
    assert folder.get_heads() == [HEAD]
    assert all(re.fullmatch(r"\d{4}", revision.revision) for revision in folder.walk_revisions())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_row_has_its_tenant(table: sa.Table) -> None:
    tenant = table.c.tenant_id
    assert not tenant.nullable
    assert tenant.server_default is not None


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_columns_are_of_types_that_every_database_has(table: sa.Table) -> None:
    assert {type(column.type) for column in table.columns} <= set(PORTABLE)
    assert "rowid" not in table.columns
    assert all(getattr(column.type, "collation", None) is None for column in table.columns)


def test_times_hashes_and_ids_are_as_the_docstring_says() -> None:
    for table in TABLES:
        for column in table.columns:
            if column.name.endswith("_at") or column.name == "at":
                assert isinstance(column.type, sa.BigInteger), column
            if column.name == "id" or column.name.endswith("_id"):
                assert isinstance(column.type, (sa.Text, sa.BigInteger)), column
    assert isinstance(TRANSFER.c.sha256.type, sa.LargeBinary)


def test_a_reader_cannot_write(ledger: Ledger) -> None:
    with reading(ledger) as books, pytest.raises(Exception, match=r"readonly|read-only"):
        books.execute(sa.insert(INSTALLATION), {"id": "x", "tenant_id": 1, "created_at": 1})


def test_a_place_without_a_ledger_does_not_exist(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:{tmp_path / 'none.db'}")
    assert not ledger.exists()
    assert migrations.version(ledger) is None
    assert not ledger.exists()  # Asking did not make one.


def test_sqlite_is_as_durable_as_we_say(tmp_path: Path) -> None:
    books = Ledger(f"sqlite:{tmp_path / 'ledger.db'}").open_writer()
    asked = {
        name: next(iter(books.rows(sa.text(f"PRAGMA {name}"))[0].values()))
        for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store")
    }
    books.close()
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "temp_store": 2}


def test_an_unreachable_postgresql_is_said_so_without_its_password(tmp_path: Path) -> None:
    from mft.errors import Busy

    with pytest.raises(Busy) as caught:
        Writer(Ledger(f"postgresql://mft:secret@/mft?host={tmp_path}"))
    assert "secret" not in str(caught.value)
