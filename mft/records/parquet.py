"""Writes a part of the cache."""

from collections.abc import Callable, Sequence
from typing import Final

import duckdb

from mft.errors import MFTError
from mft.ledger.database import Row
from mft.records.base import connect, copy_sql, lines_sql, parts_sql
from mft.records.files import Files, Outlet
from mft.vault.store import Reader

_THREADS: Final = 1  # Nobody waits for it, and others have work to do.


def write_part(
    schema: str,
    rows: Sequence[Row],
    parts: Sequence[Row],
    stale: Sequence[Row],
    open_object: Callable[[str], Reader],
    outlet: Outlet,
) -> int:
    """Write the records of these sets, and of these parts without their stale sets, as one Parquet file.

    Returns:
        How many records are in it.

    Raises:
        MFTError: an object cannot be opened, or its records are not of their type.
    """
    files = Files(open_object)
    names = [files.add_part(part["object_id"], part["size_bytes"]) for part in parts]
    gone = [row for row in stale if row["part_id"] in {part["id"] for part in parts}]
    try:
        with connect(files, threads=_THREADS) as connection:
            sources = [parts_sql(schema, names, gone)] if parts else []
            if rows:
                sources.append(lines_sql(schema, files.add_lines(rows)))
            written = connection.execute(copy_sql(" UNION ALL ".join(sources), files.add_outlet(outlet)))
            return int(written.fetchall()[0][0])
    except duckdb.Error as error:
        raise files.failure or MFTError(f"DuckDB failed ({type(error).__name__})") from None
    finally:
        files.close()
