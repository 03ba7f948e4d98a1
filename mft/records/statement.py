"""Which statements may be asked: one SELECT over the views, with functions that look at nothing but their arguments.

DuckDB's own parser makes a tree of the statement; whatever in it is not known here to be harmless is refused. So no
file, setting, catalogue or function that reads one can be named, however deeply it is nested. The connection is locked
as well (`mft.records.session`): this is the door, that the wall behind it.
"""

import difflib
import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from mft.errors import Refused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class BadStatement(Refused):
    """The statement is no SELECT over the views, or DuckDB cannot make sense of it."""

    code = "refused.bad-statement"


TABLE_FUNCTIONS: Final = frozenset({"unnest", "range", "generate_series"})

_FUNCTIONS: Final = {  # As the parser names them.
    "operators": """
        + - * / // % ** ^ & | << >> || ~ @ !__postfix ~~ !~~ ~~* !~~* ~~~ ^@ && @> <@ ilike_escape
        like_escape not_ilike_escape not_like_escape
    """,
    "aggregates": """
        any_value approx_count_distinct approx_quantile arbitrary arg_max arg_min argmax argmin array_agg
        avg bit_and bit_or bit_xor bool_and bool_or corr count count_if count_star countif covar_pop
        covar_samp entropy first geomean group_concat histogram kurtosis last list listagg mad max max_by
        mean median min min_by mode product quantile quantile_cont quantile_disc regr_count regr_intercept
        regr_r2 regr_slope skewness stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance
    """,
    "windows": """
        cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank
        row_number
    """,
    "any value": """
        greatest if least nullif typeof
    """,
    "numbers": """
        abs cbrt ceil ceiling degrees even exp factorial floor fmod gcd isfinite isinf isnan lcm ln log
        log10 log2 mod pi pow power radians random round round_even sign sqrt trunc
    """,
    "text": """
        ascii base64 bin bit_length char_length character_length chr concat concat_ws contains
        damerau_levenshtein editdist3 ends_with from_base64 from_hex hamming hash hex instr jaccard
        jaro_similarity jaro_winkler_similarity lcase left len length levenshtein lower ltrim md5
        mismatches octet_length ord overlay position prefix regexp_escape regexp_extract
        regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array
        replace reverse right rtrim sha1 sha256 split split_part starts_with str_split string_split
        string_to_array strip_accents strlen strpos substr substring suffix to_base64 to_hex translate trim
        ucase unhex unicode upper
    """,
    "time": """
        age century current_date current_localtimestamp date_add date_diff date_part date_sub date_trunc
        datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear decade epoch epoch_ms
        epoch_us get_current_timestamp hour isodow isoyear last_day make_date make_time make_timestamp
        microsecond millisecond minute month monthname now quarter second strftime strptime time_bucket
        timezone to_days to_hours to_microseconds to_milliseconds to_minutes to_months to_seconds
        to_timestamp to_weeks to_years today try_strptime week weekday weekofyear year yearweek
    """,
    "lists, structs, maps": """
        aggregate apply array_aggregate array_append array_apply array_concat array_contains array_distinct
        array_extract array_filter array_has array_has_all array_has_any array_intersect array_length
        array_position array_prepend array_reverse array_slice array_sort array_to_string array_transform
        array_unique cardinality element_at filter flatten generate_series generate_subscripts list_aggr
        list_aggregate list_any_value list_append list_apply list_avg list_cat list_concat list_contains
        list_count list_distinct list_element list_extract list_filter list_first list_has list_has_all
        list_has_any list_indexof list_intersect list_last list_max list_median list_min list_mode list_pack
        list_position list_prepend list_reduce list_reverse list_reverse_sort list_slice list_sort
        list_string_agg list_sum list_transform list_unique list_value list_zip map map_concat map_contains
        map_entries map_extract map_from_entries map_keys map_values range reduce row struct_concat
        struct_extract struct_insert struct_pack unnest
    """,
}
FUNCTIONS: Final = frozenset(name for names in _FUNCTIONS.values() for name in names.split())
"""Everything else is refused: what is new in a later DuckDB too, and what makes a text of any length out of a number
(`repeat`, `lpad`, `format`), which no limit of DuckDB's counts."""

_EXPRESSIONS: Final = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
        "LAMBDA", "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
    }
)  # fmt: skip
_TABLES: Final = frozenset({"BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "SUBQUERY", "TABLE_FUNCTION"})
_NODES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE"})
_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED: Final = ("duckdb_", "pg_", "sqlite_", "information_schema", "pragma_")
_TOO_DEEP: Final = "the statement is nested too deeply: say parts of it with WITH"
_ONLY: Final = "only one SELECT is allowed here (WITH before it is fine)"


def check(connection: "DuckDBPyConnection", statement: str, views: Collection[str]) -> set[str]:
    """Refuse a statement that may not be asked.

    Args:
        connection: any connection; only its parser is used.
        views: the names that may stand behind FROM.

    Returns:
        The views that it reads.

    Raises:
        BadStatement: with what to do instead.
    """
    text = connection.execute("SELECT json_serialize_sql(CAST(? AS VARCHAR))", [statement]).fetchall()[0][0]
    try:
        tree = json.loads(text)
    except RecursionError:
        raise BadStatement(_TOO_DEEP) from None
    if tree.get("error"):
        said = str(tree.get("error_message", ""))
        if tree.get("error_type") == "parser":
            raise BadStatement(f"this is no SQL that DuckDB understands: {first_line(said)}")
        raise BadStatement(_ONLY)
    statements = tree["statements"]
    if len(statements) != 1:
        raise BadStatement(_ONLY)
    if statements[0].get("named_param_map"):
        raise BadStatement("parameters have no values here: write the values into the statement")
    walk = _Walk(frozenset(name.lower() for name in views))
    try:
        walk.node(statements[0]["node"], frozenset())
    except RecursionError:
        raise BadStatement(_TOO_DEEP) from None
    return walk.used


def first_line(message: str) -> str:
    """The sense of a message of DuckDB's, without the statement that it repeats."""
    return message.split("\n", 1)[0].rstrip("! ")


class _Walk:
    """Through the whole tree. `scope` holds the names that WITH has made at that place."""

    def __init__(self, views: frozenset[str]) -> None:
        self.used: set[str] = set()
        self._views = views

    def node(self, node: Any, scope: frozenset[str]) -> None:
        """A query: what WITH makes is seen by what comes after it, and by itself only where it is recursive."""
        if not isinstance(node, dict) or node.get("type") not in _NODES:
            raise BadStatement(_ONLY)
        for entry in (node.get("cte_map") or {}).get("map", ()):
            name = str(entry["key"]).lower()
            if not _PLAIN_NAME.fullmatch(name) or name.startswith(_RESERVED):
                raise BadStatement("give each query behind WITH a plain name: letters, digits and underscores")
            query = entry["value"]["query_node" if "query_node" in entry["value"] else "query"]
            query = query.get("node", query)
            if query.get("type") == "RECURSIVE_CTE_NODE":
                self._recursive(query, name, scope)
            else:
                self.node(query, scope)
            self._rest(
                {key: value for key, value in entry["value"].items() if key not in {"query_node", "query"}}, scope
            )
            scope |= {name}
        self._rest({key: value for key, value in node.items() if key != "cte_map"}, scope)

    def _recursive(self, query: dict[str, Any], name: str, scope: frozenset[str]) -> None:
        """What it begins with does not see itself: there its name would be that of something else."""
        if query.get("cte_map", {}).get("map") or str(query.get("cte_name")).lower() != name:
            raise BadStatement(_ONLY)
        self.node(query["left"], scope)
        self._rest({key: value for key, value in query.items() if key not in {"cte_map", "left"}}, scope | {name})

    def _any(self, part: Any, scope: frozenset[str]) -> None:
        if isinstance(part, list):
            for one in part:
                self._any(one, scope)
        elif isinstance(part, dict):
            kind = part.get("type")
            if "class" in part:
                self._expression(part, scope)
            elif isinstance(kind, str) and kind.endswith("_NODE"):
                self.node(part, scope)
            elif "alias" in part and isinstance(kind, str):
                self._table(part, scope)
            else:
                self._rest(part, scope)

    def _rest(self, part: dict[str, Any], scope: frozenset[str]) -> None:
        for value in part.values():
            self._any(value, scope)

    def _expression(self, part: dict[str, Any], scope: frozenset[str]) -> None:
        if part["class"] == "PARAMETER":
            raise BadStatement("parameters have no values here: write the values into the statement")
        if part["class"] not in _EXPRESSIONS:
            raise BadStatement(f"{str(part['class']).lower()} expressions are not allowed here")
        if "function_name" in part:
            self._function(part, FUNCTIONS, "the function")
        self._rest(part, scope)

    def _function(self, part: dict[str, Any], allowed: frozenset[str], what: str) -> None:
        name = str(part["function_name"]).lower()
        if name not in allowed or part.get("schema") or part.get("catalog") or _qualified(part):
            raise BadStatement(
                f"{what} {name} is not allowed here: only those that look at nothing but their arguments are"
                if what == "the function"
                else f"{what} {name} is not allowed here: read the views, or use {', '.join(sorted(allowed))}"
            )

    def _table(self, part: dict[str, Any], scope: frozenset[str]) -> None:
        kind = part["type"]
        if kind == "SHOW_REF":
            raise BadStatement(
                "DESCRIBE, SHOW and SUMMARIZE are not allowed here: `mft records views NAME` has columns"
            )
        if kind not in _TABLES:
            raise BadStatement(f"{kind.lower()} is not allowed behind FROM")
        if kind == "BASE_TABLE":
            self._base_table(part, scope)
        if kind == "TABLE_FUNCTION":
            self._function(part["function"], TABLE_FUNCTIONS, "the table function")
        self._rest(part, scope)

    def _base_table(self, part: dict[str, Any], scope: frozenset[str]) -> None:
        name = str(part["table_name"]).lower()
        if part.get("schema_name") or part.get("catalog_name") or _qualified(part) or part.get("at_clause"):
            raise BadStatement("name a view alone: there are no schemas here")
        if name in scope:
            return
        if name not in self._views:
            near = difflib.get_close_matches(name, sorted(self._views), n=3)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise BadStatement(f"there is no view of that name: {hint}`mft records views` lists them")
        self.used.add(name)


def _qualified(part: dict[str, Any]) -> bool:
    return len((part.get("qualified_name") or {}).get("path") or [""]) > 1
