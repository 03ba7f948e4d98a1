"""One SELECT over the views is answered; everything else is refused, with what to do instead."""

import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mft.errors import Broken, MFTError
from mft.records.base import connect, lock
from mft.records.files import Files
from mft.records.session import Question, Session, TooMuch
from mft.records.statement import FUNCTIONS, TABLE_FUNCTIONS, BadStatement, check
from tests.unit.mft.records.conftest import Shelf

VIEWS = {"claims", "claim_lines", "remittances"}
ALLOWED = {
    "SELECT 1": set(),
    "VALUES (1), (2)": set(),
    "FROM claims": {"claims"},
    "TABLE claims": {"claims"},
    "SELECT * FROM CLAIMS": {"claims"},
    'SELECT * FROM "claims"': {"claims"},
    "SELECT a FROM claims;": {"claims"},
    "SELECT a FROM claims -- as always": {"claims"},
    "WITH x AS (SELECT * FROM claims), y AS (SELECT * FROM x) SELECT * FROM y, remittances": {"claims", "remittances"},
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t": set(),
    "WITH claims AS (SELECT 1) SELECT * FROM claims": set(),
    "SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x)": set(),
    "SELECT * FROM claims c, unnest(c.l) AS u(i)": {"claims"},
    "SELECT unnest(l), generate_subscripts(l, 1) FROM claims": {"claims"},
    "SELECT * FROM range(3), generate_series(1, 2)": set(),
    "SELECT * FROM claims JOIN claim_lines USING (transfer) LEFT JOIN remittances r ON r.a = b": VIEWS,
    "SELECT * FROM claims, LATERAL (SELECT claims.a + 1)": {"claims"},
    "SELECT a, count(*) FILTER (WHERE b > 1), sum(c) OVER (PARTITION BY a ORDER BY b) FROM claims GROUP BY ALL": {"claims"},
    "SELECT a FROM claims GROUP BY ROLLUP (a) HAVING count(*) > 1 ORDER BY 1 DESC NULLS LAST LIMIT 3 OFFSET 1": {"claims"},
    "SELECT a FROM claims QUALIFY row_number() OVER (PARTITION BY a) = 1": {"claims"},
    "SELECT DISTINCT ON (a) a FROM claims UNION ALL BY NAME SELECT b FROM remittances": {"claims", "remittances"},
    "SELECT * EXCLUDE (a) REPLACE (b + 1 AS b), COLUMNS('x.*') FROM claims": {"claims"},
    "SELECT CASE WHEN a IS NULL THEN 1 END, TRY_CAST(a AS INT), a::DATE, a BETWEEN 1 AND 2, a IN (1, 2) FROM claims": {"claims"},
    "SELECT list_transform(l, lambda x: x + 1), [x FOR x IN l IF x > 1], l[1], {'k': 1}.k FROM claims": {"claims"},
    "SELECT extract(year FROM d), date_trunc('month', d), d + INTERVAL 3 DAYS, current_date, coalesce(a, b) FROM claims": {"claims"},
    "SELECT a LIKE 'x%', a ILIKE 'x' ESCAPE '!', a SIMILAR TO 'x', a ~ 'x', a COLLATE nocase FROM claims": {"claims"},
    "SELECT EXISTS (SELECT 1 FROM remittances), (SELECT max(a) FROM claim_lines), a = ANY (SELECT 1) FROM claims": VIEWS,
}  # fmt: skip
REFUSED = """
    FROM '/etc/passwd'
    SELECT * FROM '/etc/passwd'
    SELECT * FROM "/etc/passwd"
    SELECT * FROM 'x.parquet'
    SELECT * FROM 'mft://x/0'
    SELECT * FROM read_text('/etc/passwd')
    WITH RECURSIVE records_of_0 AS (SELECT a FROM records_of_0 UNION ALL SELECT * FROM records_of_0) SELECT * FROM records_of_0, claims
    WITH RECURSIVE x AS (SELECT a FROM claims, x UNION ALL SELECT * FROM x) SELECT * FROM x
    WITH RECURSIVE x AS (SELECT (SELECT max(a) FROM x) UNION ALL SELECT * FROM x) SELECT * FROM x
    SELECT repeat('x', 2000000000)
    SELECT lpad('x', 2000000000, 'y')
    SELECT format('{:>2000000000}', 'x')
    SELECT * FROM read_blob('x')
    SELECT * FROM read_csv('x')
    SELECT * FROM read_csv_auto('x')
    SELECT * FROM read_json('x')
    SELECT * FROM read_json_auto('x')
    SELECT * FROM read_ndjson('x')
    SELECT * FROM read_json_objects('x')
    SELECT * FROM read_parquet('x')
    SELECT * FROM parquet_scan('x')
    SELECT * FROM parquet_metadata('x')
    SELECT * FROM sniff_csv('x')
    SELECT * FROM glob('*')
    SELECT * FROM query('SELECT 1')
    SELECT * FROM query_table('claims')
    SELECT * FROM json_execute_serialized_sql('x')
    SELECT * FROM python_map_function('x')
    SELECT * FROM arrow_scan(1, 2, 3)
    SELECT * FROM seq_scan('claims')
    SELECT * FROM duckdb_views()
    SELECT * FROM duckdb_settings()
    SELECT * FROM duckdb_secrets()
    SELECT * FROM duckdb_logs()
    SELECT * FROM duckdb_views
    SELECT * FROM pragma_table_info('claims')
    SELECT * FROM pg_timezone_names()
    SELECT * FROM pg_views
    SELECT * FROM pg_catalog.pg_views
    SELECT * FROM sqlite_master
    SELECT * FROM information_schema.tables
    SELECT * FROM system.information_schema.tables
    SELECT * FROM main.claims
    SELECT * FROM memory.main.claims
    SELECT * FROM records_of_0
    SELECT * FROM claims AT (VERSION => 1)
    SELECT (SELECT content FROM read_text('x'))
    SELECT * FROM claims WHERE a IN (SELECT content FROM read_text('x'))
    SELECT * FROM claims WHERE EXISTS (SELECT 1 FROM duckdb_views())
    SELECT * FROM claims, LATERAL (SELECT * FROM glob('*'))
    SELECT * FROM claims, LATERAL read_text(claims.a)
    SELECT * FROM claims JOIN (SELECT * FROM read_text('x')) ON true
    SELECT * FROM claims ORDER BY (SELECT 1 FROM duckdb_settings())
    SELECT * FROM claims GROUP BY (SELECT 1 FROM duckdb_settings())
    SELECT 1 LIMIT (SELECT 1 FROM pg_class)
    SELECT 1 OFFSET (SELECT 1 FROM pg_class)
    SELECT sum(a) FILTER (WHERE (SELECT true FROM pg_class)) FROM claims
    SELECT sum(a) OVER (ORDER BY (SELECT 1 FROM pg_class)) FROM claims
    SELECT * FROM unnest((SELECT list(sql) FROM duckdb_views()))
    SELECT * FROM range((SELECT 1 FROM pg_class))
    SELECT list_transform([1], lambda x: getenv('HOME'))
    WITH x AS (SELECT * FROM read_text('x')) SELECT * FROM x
    WITH x AS (WITH y AS (SELECT * FROM duckdb_views()) SELECT * FROM y) SELECT * FROM x
    WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM pg_class, t) SELECT * FROM t
    WITH x AS MATERIALIZED (SELECT * FROM duckdb_views()) SELECT 1
    WITH duckdb_views AS (SELECT 1) SELECT * FROM duckdb_views
    WITH duckdb_views AS (SELECT * FROM duckdb_views) SELECT 1
    WITH "mft://x/0" AS (SELECT 1) SELECT 1
    WITH x AS (SELECT * FROM x) SELECT 1
    WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a
    SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x), x
    SELECT 1 UNION SELECT * FROM duckdb_views()
    SELECT 1 UNION SELECT * FROM x UNION (WITH x AS (SELECT 1) SELECT * FROM x)
    VALUES ((SELECT 1 FROM duckdb_views()))
    SELECT getenv('HOME')
    SELECT current_setting('temp_directory')
    SELECT getvariable('salt')
    SELECT current_query()
    SELECT stats(claim_id) FROM claims
    SELECT write_log('x')
    SELECT sleep_ms(1000)
    SELECT nextval('x')
    SELECT pg_get_viewdef(1)
    SELECT json_serialize_sql('SELECT 1')
    SELECT sum(getenv(a)) OVER () FROM claims
    SELECT main.sum(a) FROM claims
    SELECT $1
    SELECT ?
    SELECT * FROM claims WHERE a = $name
    DESCRIBE claims
    SHOW TABLES
    SHOW claims
    SUMMARIZE claims
    SELECT * FROM (DESCRIBE claims)
    SELECT * FROM (SHOW TABLES)
    EXPLAIN SELECT 1
    EXPLAIN ANALYZE SELECT 1
    PIVOT claims ON a USING count(*)
    SELECT * FROM claims PIVOT (count(*) FOR a IN (1, 2))
    UNPIVOT claims ON a
    COPY claims TO 'x'
    COPY (SELECT 1) TO '/tmp/x'
    COPY claims FROM 'x'
    EXPORT DATABASE 'x'
    IMPORT DATABASE 'x'
    ATTACH 'x'
    DETACH x
    USE x
    INSTALL httpfs
    LOAD httpfs
    SET memory_limit = '10GB'
    SET VARIABLE x = 1
    RESET memory_limit
    PRAGMA database_list
    PRAGMA enable_profiling
    CALL pragma_version()
    CHECKPOINT
    VACUUM
    BEGIN
    CREATE TABLE x AS SELECT 1
    CREATE VIEW x AS SELECT 1
    CREATE MACRO x() AS 1
    CREATE MACRO x() AS TABLE SELECT * FROM read_text('x')
    CREATE SECRET x (TYPE s3)
    CREATE FUNCTION claims() AS 1
    INSERT INTO claims VALUES (1)
    UPDATE claims SET a = 1
    DELETE FROM claims
    DROP VIEW claims
    ALTER VIEW claims RENAME TO x
    PREPARE x AS SELECT 1
    EXECUTE x
    SELECT 1; SELECT 2
    SELECT 1; COPY (SELECT 1) TO 'x'
    SELECT 1) TO 'x' --
    ;
    -- nothing
    this is no SQL
"""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


@pytest.mark.parametrize("statement", ALLOWED)
def test_allowed(parser: duckdb.DuckDBPyConnection, statement: str) -> None:
    assert check(parser, statement, VIEWS) == ALLOWED[statement]


@pytest.mark.parametrize("statement", lines(REFUSED))
def test_refused(parser: duckdb.DuckDBPyConnection, statement: str) -> None:
    with pytest.raises(BadStatement):
        check(parser, statement, VIEWS)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT * FROM claim", r"did you mean claims.*`mft records views` lists them"),
        ("SELECT * FROM nothing_like_it", r"no view of that name: `mft records views`"),
        ("SELECT * FROM read_text('/etc/passwd')", r"read_text is not allowed here: read the views"),
        ("SELECT getenv('HOME')", r"getenv is not allowed here"),
        ("DELETE FROM claims", r"only one SELECT"),
        ("DESCRIBE claims", r"`mft records views NAME`"),
        ("SELEC 1", r'no SQL that DuckDB understands: syntax error at or near "SELEC"'),
        ("SELECT * FROM main.claims", r"name a view alone"),
        ("SELECT ?", r"write the values into the statement"),
        (f"{'SELECT * FROM (' * 300}SELECT * FROM claims{')' * 300}", r"nested too deeply"),
        (f"SELECT {'[' * 900}1{']' * 900}", r"nested too deeply"),
    ],
)
def test_says_what_to_do(parser: duckdb.DuckDBPyConnection, statement: str, said: str) -> None:
    with pytest.raises(BadStatement, match=said):
        check(parser, statement, VIEWS)


def test_every_allowed_function_is_one_of_duckdb(parser: duckdb.DuckDBPyConnection) -> None:
    known = {row[0] for row in parser.execute("SELECT function_name FROM duckdb_functions()").fetchall()}
    assert known >= FUNCTIONS
    assert TABLE_FUNCTIONS <= FUNCTIONS


def test_no_allowed_function_looks_around(parser: duckdb.DuckDBPyConnection) -> None:
    """Those that DuckDB says have effects, or answer otherwise within one query; but for the one that is chance."""
    odd = parser.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE has_side_effects OR stability = 'VOLATILE'"
    ).fetchall()
    assert {name for (name,) in odd} & FUNCTIONS == {"random"}


# The wall behind the door: what the connection itself refuses, if a statement came through


@pytest.fixture
def locked() -> duckdb.DuckDBPyConnection:
    connection = connect(Files(lambda object_id: pytest.fail("nothing is to be opened")))
    lock(connection)
    return connection


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_text('mft://guessed/0')",
        "COPY (SELECT 1) TO '{there}'",
        "COPY (SELECT 1) TO 'mft://guessed/0' (FORMAT parquet)",
        "ATTACH '{there}'",
        "EXPORT DATABASE '{there}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '10GB'",
        "SET temp_directory = '/tmp'",
        "SET enable_external_access = true",
        "SET disabled_filesystems = ''",
        "SET lock_configuration = false",
        "SELECT * FROM python_variable",
        "SELECT * FROM read_csv('https://example.com/x')",
    ],
)
def test_the_connection_refuses_too(locked: duckdb.DuckDBPyConnection, statement: str, tmp_path: Path) -> None:
    python_variable = [1]
    with pytest.raises(duckdb.Error):
        locked.execute(statement.format(there=tmp_path / "there"))
    assert python_variable == [1]
    assert list(tmp_path.iterdir()) == []


def test_no_name_is_a_variable_of_ours(locked: duckdb.DuckDBPyConnection) -> None:
    ours = locked.sql("SELECT 1 AS x")
    with pytest.raises(duckdb.CatalogException):
        locked.execute("SELECT * FROM ours")
    assert ours.fetchall() == [(1,)]


def test_a_session_is_locked(shelf: Shelf) -> None:
    question = Question("SELECT * FROM claims")
    with (
        Session(question, shelf.vault, shelf.books, reveal=False, seconds=60) as session,
        pytest.raises(duckdb.InvalidInputException, match="locked"),
    ):
        session._connection.execute("SET memory_limit = '10GB'")


def test_nothing_spills(locked: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(duckdb.OutOfMemoryException):
        locked.execute("SELECT * FROM range(200000000) t(a) ORDER BY hash(a)")
    assert list(tmp_path.iterdir()) == []


# Limits, and errors in our words


def test_an_answer_has_its_time(shelf: Shelf) -> None:
    with pytest.raises(TooMuch, match=r"within 0.2 s"):
        shelf.ask("SELECT sum(a.range * b.range) FROM range(10000000) a, range(100000) b", seconds=0.2)


def test_time_is_up_between_two_rows_too(shelf: Shelf) -> None:
    with Session(
        Question("SELECT * FROM range(100000)"), shelf.vault, shelf.books, reveal=False, seconds=3600
    ) as session:
        rows = session.rows()
        next(rows)
        session._expired = True  # And the interrupt met no query that ran.
        with pytest.raises(TooMuch):
            list(rows)


def test_ctrl_c_is_no_fault(shelf: Shelf) -> None:
    session = Session(Question("SELECT 1"), shelf.vault, shelf.books, reveal=False, seconds=3600)
    with pytest.raises(KeyboardInterrupt), session._errors():
        raise RuntimeError("Query interrupted")  # As DuckDB tells of it.


def test_an_answer_has_its_memory(shelf: Shelf) -> None:
    with pytest.raises(TooMuch, match="512 MiB"):
        shelf.ask("SELECT list(sha256(CAST(range AS VARCHAR))) FROM range(20000000)")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT CAST(type AS INT) FROM claims",
        "SELECT CAST(subscriber_name_family AS DATE) FROM claims",
        "SELECT CAST(subscriber_name_family AS DECIMAL(3, 1)) FROM claims",
        "SELECT strptime(subscriber_name_family, '%Y') FROM claims",
        "SELECT make_date(length(subscriber_name_family) + 9999999, 1, 1) FROM claims",
    ],
)
def test_no_error_tells_a_value(shelf: Shelf, statement: str) -> None:
    shelf.keep("claim/1", {"type": "PROF", "subscriber": {"name": {"family": "SMITH"}}})
    with pytest.raises(BadStatement) as caught:
        shelf.ask(statement, reveal=True)
    said = str(caught.value) + repr(caught.value.__cause__)
    assert "SMITH" not in said
    assert "PROF" not in said


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT nme FROM claims", r'Referenced column "nme" not found in FROM clause: there are "'),
        ("SELECT claim_id, count(*) FROM claims", r'column "claim_id" must appear in the GROUP BY'),
        ("SELECT sum(claim_id) FROM claims", r"No function matches.*sum\(VARCHAR\)"),
        ("SELECT CAST(type AS INT) FROM claims", r"TRY_CAST"),
        ("SELECT INTERVAL 100000000 YEAR FROM claims", r"too far away to be told"),
    ],
)
def test_errors_in_words(shelf: Shelf, statement: str, said: str) -> None:
    shelf.keep("claim/1", {"type": "P"})
    with pytest.raises(BadStatement, match=said):
        shelf.ask(statement)


def test_a_session_leaves_no_thread_and_no_snapshot(shelf: Shelf) -> None:
    shelf.keep("claim/1", {"type": "P"})
    before = {thread.name for thread in threading.enumerate()}
    shelf.ask("SELECT * FROM claims")
    with pytest.raises(BadStatement):
        shelf.ask("SELECT nothing FROM claims")
    assert {thread.name for thread in threading.enumerate()} == before
    with shelf.books.snapshot():
        pass


def test_what_fails_below_is_told_as_it_was_meant(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.keep("claim/1", {"type": "P"})

    def fails(*_: Any) -> Any:
        raise Broken("the disk is on fire")

    monkeypatch.setattr(shelf.vault, "open", fails)
    with pytest.raises(Broken, match="on fire"):
        shelf.ask("SELECT * FROM claims")


def test_records_that_are_not_as_many_as_the_ledger_says(shelf: Shelf) -> None:
    from sqlalchemy import update

    from mft.ledger.tables import RECORDS

    shelf.keep("claim/1", {"type": "P"}, {"type": "I"})
    shelf.core.writer.run(lambda books: books.execute(update(RECORDS).values(records=3)))
    with pytest.raises(Broken, match="as many records"):
        shelf.ask("SELECT * FROM claims")


def test_the_salt_is_nowhere_to_be_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mft.records.session.secrets.token_hex", lambda size: "a5" * size)
    shelf.keep("claim/1", {"type": "P", "claim_id": "C-1"})
    assert shelf.one("SELECT claim_id FROM claims").startswith("~")
    for statement in (
        "SELECT sum(claim_id) FROM claims",
        "SELECT claim_id.x FROM claims",
        "SELECT claim_id + 1 FROM claims",
    ):
        with pytest.raises(MFTError) as caught:
            shelf.ask(statement)
        assert "a5a5" not in str(caught.value)
