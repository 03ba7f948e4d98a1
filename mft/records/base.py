"""Where views read records from: DuckDB's connection, locked, and one relation for each type out of parts and sets."""

from collections.abc import Sequence
from typing import Final

import duckdb

from mft.ledger import record_parts
from mft.ledger.database import Books, Row
from mft.records.files import Files
from mft.records.masks import literal
from mft.records.views import quoted, shape_of, stored_columns

MEMORY_MIB: Final = 512
_ROW_GROUP_MIB: Final = (
    MEMORY_MIB // 4
)  # Smaller ones make footers long, larger ones are not written within the memory.
_KEY: Final = ("_transfer", "_set", "_map")


def connect(files: Files, *, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A connection without a database, that reads and writes `files` alone; `lock` it before a stranger speaks."""
    connection = duckdb.connect(":memory:")
    connection.register_filesystem(files)
    for name, value in (
        ("memory_limit", f"'{MEMORY_MIB}MiB'"),
        ("temp_directory", "''"),  # What does not fit is refused, and never lies in clear on a disk.
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("python_enable_replacements", "false"),  # A name in a statement is never one of our variables.
        ("enable_external_file_cache", "false"),
        ("enable_progress_bar", "false"),
        (
            "preserve_insertion_order",
            "false",
        ),  # Who wants an order asks for it; and row groups have their limit of bytes.
        ("disabled_filesystems", "'LocalFileSystem'"),
        ("allowed_directories", f"[{literal(files.folder)}]"),
        ("enable_external_access", "false"),
    ):
        connection.execute(f"SET {name} = {value}")
    if threads is not None:
        connection.execute(f"SET threads = {threads}")
    return connection


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """No setting changes any more."""
    connection.execute("SET lock_configuration = true")


def lines_sql(schema: str, names: Sequence[str]) -> str:
    """Records out of files of lines.

    What a type does not know is passed over; what a record lacks, or has as something else than its type says, is NULL.
    """
    columns = stored_columns(schema)
    kinds = ", ".join(f"{quoted(name)}: {literal(kind)}" for name, kind in columns.items())
    return (
        f"{_select(schema)} FROM read_json([{', '.join(map(literal, names))}], format = 'newline_delimited', "
        f"columns = {{{kinds}}}, ignore_errors = true)"
    )


def parts_sql(schema: str, names: Sequence[str], stale: Sequence[Row] = ()) -> str:
    """Records out of parts, without those of stale sets."""
    source = f"{_select(schema)} FROM read_parquet([{', '.join(map(literal, names))}])"
    if not stale:
        return source
    keys = ", ".join(
        f"({literal(row['transfer_id'])}, {row['set_position']}, {literal(row['map_version'])})" for row in stale
    )
    return f"{source} WHERE ({', '.join(_KEY)}) NOT IN (VALUES {keys})"


def _select(schema: str) -> str:
    return f"SELECT {', '.join(map(quoted, stored_columns(schema)))}"


def records_sql(books: Books, files: Files, schema: str) -> str:
    """All records of a type that count, as the ledger has them at this moment."""
    sources: list[str] = []
    waiting = record_parts.waiting(books, schema)
    parts = record_parts.record_parts(books, schema)
    stale = _by_part(record_parts.stale(books, schema)) if parts else {}
    clean: list[str] = []
    for part in parts:
        if part["shape"] != shape_of(schema):
            waiting += record_parts.sets_in(books, part["id"])
            continue
        name = files.add_part(part["object_id"], part["size_bytes"])
        if part["id"] in stale:
            sources.append(parts_sql(schema, [name], stale[part["id"]]))
        else:
            clean.append(name)
    if clean:
        sources.insert(0, parts_sql(schema, clean))
    if waiting:
        sources.append(lines_sql(schema, files.add_lines(waiting)))
    return " UNION ALL ".join(sources) or _nothing(schema)


def _by_part(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["part_id"], []).append(row)
    return found


def _nothing(schema: str) -> str:
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in stored_columns(schema).items())
    return f"SELECT {columns} LIMIT 0"


def copy_sql(source: str, name: str) -> str:
    """Write what `source` selects to a file, as Parquet."""
    return (
        f"COPY ({source}\n) TO {literal(name)} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES '{_ROW_GROUP_MIB}MiB', USE_TMP_FILE false)"
    )
