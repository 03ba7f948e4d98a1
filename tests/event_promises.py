"""What consumers of events were promised, and what would break it.

`python -m tests.event_promises` adds what is new in the code to event_promises.json, and takes nothing back.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from mft.event_catalogue import schema
from mft.events import CATALOGUE

Schema = dict[str, Any]
FILE: Final = Path(__file__).with_suffix(".json")
_WORDS: Final = {"$schema", "$id", "description"}
"""Consumers read them, their programs do not."""


def promised() -> Schema:
    """By type the form of each event, as the code makes it."""
    return {event.type: bare(schema(event)) for event in CATALOGUE}


def bare(form: Schema) -> Schema:
    """Without the words."""
    kept = {key: value for key, value in form.items() if key not in _WORDS}
    if "properties" in kept:
        kept["properties"] = {name: bare(one) for name, one in kept["properties"].items()}
    return kept


def taken_back(before: Schema, now: Schema) -> list[str]:
    """What a consumer of all the types in `before` would miss in `now`."""
    found = []
    for kind, form in before.items():
        found += broken(form, now[kind], kind) if kind in now else [f"{kind} is gone"]
    return found


def broken(before: Schema, now: Schema, at: str) -> list[str]:
    """What may come by the schema `now` though `before` ruled it out: a consumer was right to build on that.

    A field more, one that is always there from now on, fewer values than before: all that is harmless.
    """
    found = []
    for key, held in bare(before).items():
        match key:
            case "properties":
                here = now.get(key, {})
                for name, form in held.items():
                    found += broken(form, here[name], f"{at}.{name}") if name in here else [f"{at}.{name} is gone"]
            case "required":
                kept = now.get("properties", {}).keys() - set(now.get(key, []))
                found += [f"{at}.{name} may be absent" for name in held if name in kept]
            case "items":
                found += broken(held, now.get(key, {}), f"{at}[]")
            case "enum" if key in now:
                found += [f"{at} may be {value}" for value in now[key] if value not in held]
            case _ if now.get(key) != held:
                found.append(f"{at}: {key} was {held}")
    return found


def main() -> None:
    wanted = promised()
    if problems := taken_back(json.loads(FILE.read_text(encoding="utf-8")), wanted):
        sys.exit("make a new .v2 type beside the old one: " + "; ".join(problems))
    FILE.write_text(json.dumps(wanted, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
