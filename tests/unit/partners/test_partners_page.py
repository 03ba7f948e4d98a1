"""Every piece of a partner file in docs/partners.md is one: what it leaves out is completed, and the models judge."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from partners.connection import Connection, json_schema

PAGE = Path(__file__).parents[3] / "docs" / "partners.md"
BLOCKS = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```toml\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
REST: dict[str, Any] = {"id": "a" * 26, "name": "acme", "logins": [{"user": "acme", "keys": [{"key": KEY}]}]}


@pytest.mark.parametrize(("heading", "block"), BLOCKS, ids=[heading for heading, _ in BLOCKS])
def test_a_block_is_a_partner_file_or_a_piece_of_one(heading: str, block: str) -> None:
    said = tomllib.loads(block)
    made = Connection.model_validate(REST | said)
    assert said, heading
    assert made.model_fields_set >= set(said)


def test_every_key_of_a_partner_file_has_its_example() -> None:
    shown = {key for _, block in BLOCKS for key in tomllib.loads(block)}
    assert shown == set(Connection.model_fields)
    assert len(BLOCKS) == PAGE.read_text().count("```toml")


def test_the_published_schema_is_the_one_of_the_models() -> None:
    published = json.loads((PAGE.parent / "schema" / "partner.json").read_text())
    assert published == json_schema(), "mft partner schema > docs/schema/partner.json"
    assert published["properties"].keys() == Connection.model_fields.keys()
    assert {"type": "boolean"} in published["$defs"]["Feed"]["properties"]["unwrap"]["anyOf"]


def test_the_first_one_is_whole() -> None:
    (_, block), *_ = BLOCKS
    assert Connection.model_validate(tomllib.loads(block)).name == "acme"
    assert len(block.splitlines()) <= 10
