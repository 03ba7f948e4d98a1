"""Records as tables: which views there are, their columns, and the DuckDB SQL that makes them.

One view holds the records of a type, and one each list of structs in it, at any depth. All is read off the types.

*Names.* A type's view is the plural of its name: `claims`, `purchase_orders`. A list's view is the names on the way to
it, joined, each list on the way in the singular: `claim_lines`, `claim_line_adjudications`,
`claim_subscriber_identifiers`.

*Columns.* First where the record is from (`LEADING`), then in a list's view `part`, the ordinals of the lists that it
is in, each under its view's name in the singular, and `line`, its own; then the scalars, those of structs flattened
with underscores. A struct of a decimal and its unit lends the decimal its name: `total_charge`,
`total_charge_currency`. A name that is taken already gets `_sent` behind it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import msgspec

from mft.records.masks import Mask, mask_of, masked_sql, typed_sql
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.canonical.fields import BY_SCHEME, Field, fields_of

LEADING: Final[Mapping[str, tuple[str, str]]] = {
    "transfer": ("_transfer", "VARCHAR"),
    "partner": ("_partner", "VARCHAR"),
    "received_at": ("_received_at", "TIMESTAMP"),
    "set_number": ("_set", "BIGINT"),
    "record": ("_record", "BIGINT"),
    "map": ("_map", "VARCHAR"),
}
"""The columns that every view begins with: what they are called where records are read, and their types."""

_STORED: Final[Mapping[str, str]] = {"integer": "BIGINT", "boolean": "BOOLEAN"}
_SHOWN: Final[Mapping[str, str]] = {
    "text": "VARCHAR", "decimal": "DECIMAL(28,6)", "day": "DATE", "moment": "TIMESTAMP", "integer": "BIGINT",
    "boolean": "BOOLEAN",
}  # fmt: skip
_WRITTEN_AS: Final = 1  # Raised when parts are written otherwise, with the same columns.
_SINGULARS: Final[Mapping[str, str]] = {"diagnoses": "diagnosis"}
_HISSING: Final = ("s", "x", "ch", "sh")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view.

    Attributes:
        path: the names from the row's own struct to the value.
        holds: as `parsers.canonical.fields.Field` has it.
        many: it is a list of such values.
        scheme: the path of the scheme that its mask goes by, else empty.
    """

    name: str
    path: tuple[str, ...]
    holds: str
    data_class: str
    many: bool
    scheme: tuple[str, ...] = ()

    @property
    def mask(self) -> Mask:
        return mask_of(self.data_class)

    def type(self, *, reveal: bool) -> str:
        """Its type in DuckDB."""
        masked = not reveal and (self.mask in {"stars", "token", "by scheme"})
        return ("VARCHAR" if masked else _SHOWN[self.holds]) + ("[]" if self.many else "")


@dataclass(frozen=True, slots=True)
class View:
    """A table of records or of one list in them.

    Attributes:
        name: what it is called; `one` the same in the singular.
        schema: the records that it is of.
        lists: for each list on the way to it, the last being its own: the path from the struct before it.
        ordinals: the columns that count in those lists.
    """

    name: str
    one: str
    schema: str
    columns: tuple[Column, ...]
    lists: tuple[tuple[str, ...], ...] = ()
    ordinals: tuple[str, ...] = ()


@cache
def views() -> Mapping[str, View]:
    """Every view, by name: a type's own before its lists'.

    Raises:
        TypeError: two would have the same name.
    """
    found: dict[str, View] = {}
    for schema, struct in BY_SCHEMA.items():
        one = schema.partition("/")[0].replace("-", "_")
        for view in _views(View(plural(one), one, schema, ()), struct):
            if view.name in found:
                raise TypeError(f"records of {schema} and of {found[view.name].schema} both make a view {view.name}")
            found[view.name] = view
    return found


def _views(own: View, struct: type[msgspec.Struct]) -> Iterator[View]:
    taken = [*LEADING, *(["part", *own.ordinals] if own.lists else [])]
    columns: list[Column] = []
    lists: list[tuple[tuple[str, ...], type[msgspec.Struct]]] = []
    for path, field in _flattened(struct):
        if field.struct is not None:
            lists.append((path, field.struct))
            continue
        name = _column_name(struct, path)
        while name in taken:
            name += "_sent"
        taken.append(name)
        scheme: tuple[str, ...] = ()
        if field.data_class == BY_SCHEME:
            scheme = (*path[:-1], "scheme")
            assert "scheme" in fields_of(_struct_at(struct, path[:-1])), f"{field.name} is masked by a scheme it lacks"
        columns.append(Column(name, path, field.holds, field.data_class, field.many, scheme))
    yield View(own.name, own.one, own.schema, tuple(columns), own.lists, own.ordinals)
    for path, inner in lists:
        words = [own.one, *path[:-1]]
        one = "_".join([*words, singular(path[-1])])
        counted = (*own.ordinals[:-1], own.one) if own.lists else ()
        child = View("_".join([*words, path[-1]]), one, own.schema, (), (*own.lists, path), (*counted, "line"))
        yield from _views(child, inner)


def _flattened(struct: type[msgspec.Struct]) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Scalars, lists of scalars and lists of structs, each with its path through the structs that it is in."""
    for field in fields_of(struct).values():
        if field.struct is None or field.many:
            yield (field.name,), field
        else:
            for path, inner in _flattened(field.struct):
                yield (field.name, *path), inner


def _struct_at(struct: type[msgspec.Struct], path: tuple[str, ...]) -> type[msgspec.Struct]:
    for name in path:
        inner = fields_of(struct)[name].struct
        assert inner is not None
        struct = inner
    return struct


def _column_name(struct: type[msgspec.Struct], path: tuple[str, ...]) -> str:
    if len(path) > 1:
        measure = list(fields_of(_struct_at(struct, path[:-1])).values())
        if [field.holds for field in measure] == ["decimal", "text"] and measure[0].name == path[-1]:
            return "_".join(path[:-1])
    return "_".join(path)


def plural(name: str) -> str:
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(_HISSING) else "s")


def singular(name: str) -> str:
    if name in _SINGULARS:
        return _SINGULARS[name]
    if name.endswith("ies"):
        return name[:-3] + "y"
    if name.endswith("es") and name[:-2].endswith((*_HISSING[1:], "ss", "us")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def stored_columns(schema: str) -> Mapping[str, str]:
    """What records of a type are read as and cached as: columns by name, with their types; all text stays text."""
    columns = dict(LEADING.values())
    columns |= {field.name: _stored(field) for field in fields_of(BY_SCHEMA[schema]).values()}
    return columns


def shape_of(schema: str) -> str:
    """What parts of a type are written like today; a part of another shape is not read."""
    said = json.dumps([_WRITTEN_AS, list(stored_columns(schema).items())])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _stored(field: Field) -> str:
    if field.struct is None:
        kind = _STORED.get(field.holds, "VARCHAR")
    else:
        kind = f"STRUCT({', '.join(f'{quoted(one.name)} {_stored(one)}' for one in fields_of(field.struct).values())})"
    return kind + ("[]" if field.many else "")


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def view_sql(view: View, base: str, *, reveal: bool, salt: str) -> str:
    """What the view selects from `base`, which has the `stored_columns` of its records.

    Of a record in several parts the last one shows, and the lists of all of them, which count from 1 in each part.
    """
    leading = [f"r.{stored} AS {name}" for name, (stored, _) in LEADING.items()]
    source, item, where = f"{base} AS r", "r", ""
    if view.lists:
        leading += [f"r.{name}" for name in ("part", *map(quoted, view.ordinals))]
        source, item = _items(view, base), "r.item"
    else:
        where = " WHERE r.provenance.continued IS NOT TRUE"
    shown = (f"{_shown(column, item, reveal=reveal, salt=salt)} AS {quoted(column.name)}" for column in view.columns)
    return f"SELECT {', '.join([*leading, *shown])} FROM {source}{where}"


def _items(view: View, base: str) -> str:
    """A row for each item of the view's list, with where it is."""
    kept = [f"r.{stored}" for stored, _ in LEADING.values()]
    source, item, part = f"{base} AS r", "r", "coalesce(r.provenance.part, 1) AS part"
    for path, ordinal in zip(view.lists, view.ordinals, strict=True):
        many = _at(item, path)
        # Not as a lateral join, for which DuckDB makes a hash table of whole rows.
        unnested = f"unnest({many}) AS item, generate_subscripts({many}, 1) AS {quoted(ordinal)}"
        source = f"(SELECT {', '.join([*kept, part, unnested])} FROM {source}) AS r"
        kept.append(f"r.{quoted(ordinal)}")
        item, part = "r.item", "r.part"
    return source


def _at(item: str, path: tuple[str, ...]) -> str:
    return ".".join([item, *map(quoted, path)])


def _shown(column: Column, item: str, *, reveal: bool, salt: str) -> str:
    value = _at(item, column.path)
    one = "v" if column.many else value
    scheme = _at(item, column.scheme) if column.scheme else ""
    sql = (
        typed_sql(one, column.holds) if reveal
        else masked_sql(one, column.holds, column.mask, salt=salt, scheme=scheme)
    )  # fmt: skip
    return f"list_transform({value}, lambda v: {sql})" if column.many and sql != one else value if column.many else sql
