"""The types of records for those who read them elsewhere: JSON Schema, with what each field may show."""

import sys
from typing import Any

import msgspec

from parsers.canonical.catalogue import BY_SCHEMA
from parsers.canonical.fields import BY_SCHEME, SCHEME_CLASSES, fields_of

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = "#/$defs/{name}"


def title_of(schema: str) -> str:
    """What a type of record is, in a line: its own docstring's, or its module's where that begins with the fields."""
    struct = BY_SCHEMA[schema]
    own, around = (
        (text or "").strip().partition("\n")[0] for text in (struct.__doc__, sys.modules[struct.__module__].__doc__)
    )
    return around if own in {"", "Attributes:"} else own


def json_schema(schema: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of a type. Each field has its class in `x-class`; BY_SCHEME goes by `x-scheme-classes`."""
    structs = _structs(BY_SCHEMA[schema])
    references, definitions = msgspec.json.schema_components(structs, ref_template=_TEMPLATE)
    for struct, reference in zip(structs, references, strict=True):
        properties = definitions[reference["$ref"].rpartition("/")[2]]["properties"]
        for field in fields_of(struct).values():
            if field.data_class:
                properties[field.name]["x-class"] = field.data_class
            if field.data_class == BY_SCHEME:
                properties[field.name]["x-scheme-classes"] = dict(SCHEME_CLASSES)
    own = definitions.pop(references[0]["$ref"].rpartition("/")[2])
    about = {"$schema": _DIALECT, "$id": f"urn:mft:records:{schema}", "title": schema, "description": title_of(schema)}
    return {**own, **about, "$defs": definitions}


def _structs(struct: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """A type and all that it is made of, each once, itself first."""
    found = [struct]
    for one in found:
        for field in fields_of(one).values():
            if field.struct is not None and field.struct not in found:
                found.append(field.struct)
    return found
