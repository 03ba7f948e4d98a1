"""Partner files: good ones go round, bad ones are named with file, line and remedy."""

import base64
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from partners.connection import KEY_TYPES, Connection, Key, Login, fingerprint, is_name, key_blob
from partners.load import EMPTY, load_directory, profile_of, render
from partners.strict_toml import BadFile, load_model

BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
LINE = f"ssh-ed25519 {base64.b64encode(BLOB).decode()} somebody@example"
GOOD = f"""\
id = "{"a" * 26}"
name = "acme"

[[logins]]
user = "acme"

[[logins.keys]]
key = "{LINE}"
"""
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
COMMENTS = st.text(st.characters(codec="utf-8"), max_size=30)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problem(folder: Path) -> str:
    with pytest.raises(BadFile) as caught:
        load_directory(folder)
    return str(caught.value)


class TestDirectory:
    def test_every_file_of_the_folder(self, tmp_path: Path) -> None:
        write(tmp_path, "acme.toml", GOOD)
        write(tmp_path, "b.toml", GOOD.replace("a" * 26, "b" * 26).replace("acme", "b").replace('"b"', '"bee"'))
        write(tmp_path, "README", "not a partner")
        write(tmp_path, "old.toml.bak", "not = a = partner")
        directory = load_directory(tmp_path)
        assert set(directory.profiles) == {"a" * 26, "b" * 26}
        assert directory.named("acme") is directory.profiles["a" * 26]
        assert directory.named("nobody") is None
        found = directory.login("bee")
        assert found is not None
        assert found[0].connection.id == "b" * 26
        assert directory.login("nobody") is None

    def test_of_an_empty_folder_or_none(self, tmp_path: Path) -> None:
        assert load_directory(tmp_path) == EMPTY
        assert load_directory(tmp_path / "none") == EMPTY

    def test_a_disabled_connection_has_no_login(self, tmp_path: Path) -> None:
        write(tmp_path, "acme.toml", GOOD.replace('name = "acme"', 'name = "acme"\nenabled = false'))
        directory = load_directory(tmp_path)
        assert directory.login("acme") is None
        assert directory.named("acme") is not None

    @pytest.mark.parametrize("what", ["id", "name", "user"])
    def test_nothing_is_taken_twice(self, tmp_path: Path, what: str) -> None:
        other = {"id": "b" * 26, "name": "other", "user": "other"}
        other[what] = {"id": "a" * 26}.get(what, "acme")
        text = GOOD.replace("a" * 26, other["id"]).replace('name = "acme"', f'name = "{other["name"]}"')
        first = write(tmp_path, "a.toml", GOOD)
        second = write(tmp_path, "b.toml", text.replace('user = "acme"', f'user = "{other["user"]}"'))
        assert problem(tmp_path) == f"{second}:1: the {what} `{other[what]}` is in {first} already"

    def test_every_problem_of_every_file(self, tmp_path: Path) -> None:
        write(tmp_path, "a.toml", GOOD.replace("user", "usr"))
        write(tmp_path, "b.toml", "x = = 1")
        said = problem(tmp_path)
        assert "a.toml:5: unknown key `logins.usr`; did you mean `user`?" in said
        assert "a.toml:4: `logins.user` is missing" in said
        assert "b.toml:1:5: not valid TOML" in said
        assert len(said.splitlines()) == 3

    def test_the_hash_is_of_what_it_says_not_how_it_is_written(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a.toml", GOOD)
        before = load_directory(tmp_path).profiles["a" * 26]
        path.write_text("# A remark.\nenabled = true\n" + GOOD)
        assert load_directory(tmp_path).profiles["a" * 26] == before
        path.write_text(GOOD.replace('user = "acme"', 'user = "acme2"'))
        assert load_directory(tmp_path).profiles["a" * 26].hash != before.hash


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (f'id = "{"a" * 26}"', "", "a.toml:1: `id` is missing"),
        ('"a', '"A', "a.toml:1: `id`: string should match pattern"),
        ('name = "acme"', 'name = "../acme"', "a.toml:2: `name`: string should match pattern"),
        ('name = "acme"', 'name = "acme"\nenable = false', "a.toml:3: unknown key `enable`; did you mean `enabled`?"),
        ('user = "acme"', 'user = "acme"\nstart = "/etc"', "a.toml:6: `logins.start`: input should be '/', '/inbound'"),
        ("key = ", "expires = 2026-13-01\nkey = ", "not valid TOML"),
        ("key = ", 'expires = "soon"\nkey = ', "a.toml:8: `logins.keys.expires`: input should be a valid date"),
        ("ssh-ed25519 ", "ssh-dss ", "a.toml:8: `logins.keys.key`: not an OpenSSH public key"),
        ("AAAAC3", "AAAAC", "a.toml:8: `logins.keys.key`: the public key's"),
        ("ssh-ed25519 ", "ssh-rsa ", "a.toml:8: `logins.keys.key`: the public key's type does not match its content"),
        (LINE, "-----BEGIN OPENSSH PRIVATE KEY-----", "a.toml:8: `logins.keys.key`: not an OpenSSH public key"),
        (f'[[logins.keys]]\nkey = "{LINE}"\n', "", "a.toml:4: `logins.keys` is missing"),
        (f'[[logins.keys]]\nkey = "{LINE}"\n', "keys = []\n", "a.toml:7: `logins.keys`: list should have at least 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    write(tmp_path, "a.toml", GOOD.replace(old, new, 1))
    said = problem(tmp_path)
    assert says in said
    assert "Traceback" not in said
    assert "pydantic" not in said


def test_two_logins_of_one_name(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", GOOD + GOOD[GOOD.index("[[logins]]") :])
    assert "two logins have the same user" in problem(tmp_path)


def test_the_second_login_is_meant_by_its_own_line(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", GOOD + '\n[[logins]]\nuser = "Bad"\n\n[[logins.keys]]\nkey = "x"\n')
    said = problem(tmp_path)
    assert "a.toml:11: `logins.user`" in said
    assert "a.toml:14: `logins.keys.key`" in said


class TestKey:
    @pytest.mark.parametrize("kind", KEY_TYPES)
    def test_every_type_that_we_take(self, kind: str) -> None:
        blob = len(kind).to_bytes(4, "big") + kind.encode() + bytes(40)
        assert key_blob(f"{kind} {base64.b64encode(blob).decode()} c") == blob

    @pytest.mark.parametrize(
        "line",
        ["", "ssh-ed25519", "AAAA", 'from="1.2.3.4" ' + LINE, "# " + LINE, LINE.replace(" AAAA", " !!!!"),
         "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----"],
    )  # fmt: skip
    def test_what_is_none(self, line: str) -> None:
        with pytest.raises(ValueError, match=r"public key"):
            key_blob(line)

    def test_its_fingerprint_is_openssh_s(self) -> None:
        """`ssh-keygen -lf` of the same line."""
        assert fingerprint(BLOB) == Key(key=LINE).fingerprint == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"

    def test_usable_to_the_end_of_its_last_day_in_utc(self) -> None:
        key = Key(key=LINE, expires=date(2026, 3, 1))
        assert key.usable(datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
        assert not key.usable(datetime(2026, 3, 2, tzinfo=UTC))
        assert key.usable(datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=2))))
        assert Key(key=LINE).usable(datetime(9999, 1, 1, tzinfo=UTC))


@given(name=NAMES, users=st.lists(NAMES, min_size=1, max_size=3, unique=True), comment=COMMENTS,
       enabled=st.booleans(), expires=st.none() | st.dates())  # fmt: skip
@settings(deadline=None, max_examples=100)
def test_what_is_rendered_loads_again(
    tmp_path_factory: pytest.TempPathFactory, name: str, users: list[str], comment: str, *, enabled: bool,
    expires: date | None,
) -> None:  # fmt: skip
    key = Key(key=f"{LINE.rsplit(' ', 1)[0]} {comment}", expires=expires)
    logins = [Login(user=user, start="/outbound", keys=[key, Key(key=LINE)]) for user in users]
    connection = Connection(id="0" * 26, name=name, enabled=enabled, logins=logins)
    path = tmp_path_factory.getbasetemp() / "rendered.toml"
    path.write_text(render(connection), encoding="utf-8")
    again = load_model(Connection, path)
    assert again == connection
    assert profile_of(again).hash == profile_of(connection).hash


@given(st.text(max_size=70))
def test_a_name_is_what_the_model_takes(text: str) -> None:
    try:
        Connection(id="0" * 26, name=text, logins=[Login(user="a", keys=[Key(key=LINE)])])
        taken = True
    except ValidationError:
        taken = False
    assert is_name(text) == taken
    if taken:
        assert "/" not in text
        assert text not in {".", ".."}
