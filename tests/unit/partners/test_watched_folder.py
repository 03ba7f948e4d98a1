"""What `[[watched_folders]]` of a partner file means: names, done files, and folders that clash."""

import pytest
from pydantic import ValidationError

from partners.watched_folder import WatchedFolder, clashes


def folder(**keys: object) -> WatchedFolder:
    return WatchedFolder.model_validate({"name": "drop", "path": "/srv/drop", **keys})


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"path": "srv/drop"}, "absolute"),
        ({"path": "/srv/../drop"}, "absolute"),
        ({"path": "/srv/drop/"}, "absolute"),
        ({"path": "//srv"}, "absolute"),
        ({"path": "/"}, "absolute"),
        ({"then": "archive"}, "want each other"),
        ({"archive": "/srv/kept"}, "want each other"),
        ({"then": "archive", "archive": "/srv/drop"}, "taken again"),
        ({"done_file": "done"}, "expected {name} or {stem}"),
        ({"done_file": "{name}"}, "something beside it"),
        ({"done_file": "{name}.{stem}"}, "expected {name} or {stem}"),
        ({"done_file": "../{name}"}, "expected {name} or {stem}"),
        ({"to": "/outbound"}, "pattern"),
        ({"take": "at-once"}, "stable"),
        ({"poll_seconds": 0}, "greater than or equal to 1"),
        ({"stabel_seconds": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_be_meant(keys: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        folder(**keys)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (b"a.edi", True),
        (b"a.EDI", False),
        (b"caf\xe9.edi", True),
        (b"draft-a.edi", False),
        (b"two\nlines.edi", True),
        (b"a.txt", False),
    ],
)
def test_names_that_are_asked_for(name: bytes, *, wanted: bool) -> None:
    assert folder(include=["*.edi", "*.x12"], exclude=["draft-*"]).wants(name) == wanted


@pytest.mark.parametrize(
    ("pattern", "name", "done"),
    [
        ("{name}.done", b"a.edi", b"a.edi.done"),
        ("{stem}.ok", b"a.b.edi", b"a.b.ok"),
        ("{stem}.ok", b"plain", b"plain.ok"),
        ("ready-{name}", b"\xff", b"ready-\xff"),
    ],
)
def test_done_files(pattern: str, name: bytes, done: bytes) -> None:
    said = folder(take="done-file", done_file=pattern)
    assert said.done_of(name) == done
    assert said.is_done_file(done)
    assert not said.is_done_file(name)


def test_a_done_file_is_one_only_where_that_was_agreed() -> None:
    assert not folder().is_done_file(b"a.edi.done")
    assert not folder(take="done-file").is_done_file(b".done")


def test_folders_that_clash() -> None:
    one = folder()
    found = clashes(
        [
            ("a", one),
            ("b", folder(name="same")),
            ("b", folder(name="below", path="/srv/drop/below")),
            ("c", folder(name="above", path="/srv")),
            ("c", folder(name="beside", path="/srv/drop2")),
            ("a", folder(path="/elsewhere")),
        ]
    )
    said = [(whose, words) for whose, words in found]
    assert [whose for whose, _ in said] == ["b", "b", "b", "c", "c", "c", "c", "a"]
    assert said[0][1] == "the folder /srv/drop is watched for a already"
    assert "lie in each other" in said[1][1]
    assert said[-1][1] == "two watched folders have the name `drop`"


def test_folders_that_do_not_clash() -> None:
    assert (
        list(clashes([("a", folder()), ("a", folder(name="two", path="/srv/drop2")), ("b", folder(path="/x"))])) == []
    )
