"""What changed in a configuration: which keys may be named in clear, and what is never shown."""

from typing import Any

import pytest

from mft.audit.changes import changes, masked, words_of
from mft.config import Config
from partners.connection import Connection

WORDS = frozenset({"name", "uploads", "bytes_max", "logins", "keys", "key", "levels", "enabled"})


@pytest.mark.parametrize(
    ("old", "new", "names", "lines"),
    [
        ({"name": "a"}, {"name": "a"}, "", ""),
        ({"uploads": {"bytes_max": 1}}, {"uploads": {"bytes_max": 2}}, "uploads.bytes_max", "uploads.bytes_max: 1 → 2"),
        ({}, {"enabled": False}, "enabled", "enabled: (none) → false"),
        ({"name": "ä"}, {}, "name", 'name: "ä" → (none)'),
        (
            {"logins": [{"keys": [{"key": "x"}]}]},
            {"logins": [{"keys": [{"key": "x"}, {"key": "y"}]}, {"keys": []}]},
            "logins.keys.key logins.keys",
            'logins[0].keys[1].key: (none) → "y"\nlogins[1].keys: (none) → []',
        ),
        # What an operator made up stays out of the clear, and of the path it only ends the telling.
        ({"levels": {"Dr. Who": 1}}, {"levels": {"Dr. Who": 2}}, "levels", 'levels."Dr. Who": 1 → 2'),
        ({"acme": {"name": 1}}, {"acme": {"name": 2}}, "", "acme.name: 1 → 2"),
        ({"name": None}, {"name": "a\nb"}, "name", 'name: null → "a\\nb"'),
        ({"key": {"token": "a"}}, {"key": {"token": "b"}}, "key", 'key.token: "(masked)" → "(masked)"'),
    ],
)
def test_names_in_clear_and_a_line_for_each_value(old: Any, new: Any, names: str, lines: str) -> None:
    assert changes(old, new, WORDS) == (names, lines)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"ledger": {"url": "postgresql://mft:hunter2@db/mft"}}, {"ledger": {"url": "postgresql://(masked)@db/mft"}}),
        ({"url": "postgresql://db/mft?user=a&password=hunter2"}, {"url": "postgresql://db/mft?(masked)"}),
        ({"url": "s3://a:hun@ter/2@b?k=hunter2"}, {"url": "s3://(masked)@b?(masked)"}),
        ({"url": "host=db password='hunt er2' user=mft"}, {"url": "host=db password=(masked) user=mft"}),
        ({"hec_token": "hunter2", "n": ["hunter2"]}, {"hec_token": "(masked)", "n": ["hunter2"]}),
        ({"listen": "127.0.0.1:2222", "file": True, "n": 3}, {"listen": "127.0.0.1:2222", "file": True, "n": 3}),
        ({"passphrase": ""}, {"passphrase": ""}),
    ],
)
def test_what_could_be_a_secret_is_masked(value: Any, shown: Any) -> None:
    assert masked(value) == shown


def test_the_words_are_those_of_the_models() -> None:
    assert {"doors", "sftp", "listen", "checkpoint_leaves"} <= words_of(Config.model_json_schema())
    words = words_of(Connection.model_json_schema())
    assert {"uploads", "logins", "keys", "expires", "agreements"} <= words
    assert not words & {"properties", "type", "title"}
