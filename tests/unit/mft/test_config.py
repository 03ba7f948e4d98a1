"""mft.toml and the environment: what is wrong is said with its file, its line and what was perhaps meant."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mft.config import DEFAULT_CONFIG, AlertRule, Config, load_config
from mft.errors import BadConfig, Missing
from mft.home import Home, find_home
from mft.pipeline.alerts import DEFAULT_RULES


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.config_file.parent.mkdir()
    home.config_file.write_text(DEFAULT_CONFIG)
    return home


def leaves(model: BaseModel, *above: str) -> dict[tuple[str, ...], Any]:
    """Every key with its value, by its path; without tables that people name, as `[retention.classes.claims]`."""
    found: dict[tuple[str, ...], Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, dict):
            continue
        found |= leaves(value, *above, name) if isinstance(value, BaseModel) else {(*above, name): value}
    return found


def test_the_file_that_init_writes_changes_nothing(home: Home) -> None:
    assert load_config(home) == Config()


def test_the_file_that_init_writes_has_every_key_with_its_default() -> None:
    uncommented = "\n".join(
        line[2:] if line.startswith("# ") and " = " in line else line for line in DEFAULT_CONFIG.splitlines()
    )
    said = tomllib.loads(uncommented)
    found: dict[tuple[str, ...], Any] = {}

    def walk(table: dict[str, Any], *above: str) -> None:
        for name, value in table.items():
            if isinstance(value, dict):
                walk(value, *above, name)
            else:
                found[*above, name] = tuple(value) if isinstance(value, list) else value

    walk(said)
    assert found == leaves(Config())


@pytest.mark.parametrize("path", leaves(Config()), ids=".".join)
def test_every_key_is_an_environment_variable(
    home: Home, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]
) -> None:
    default = leaves(Config())[path]
    new: Any = (not default) if isinstance(default, bool) else default + 1 if isinstance(default, int) else ""
    new = {"listen": "[::1]:0", "url": "postgresql:///x", "too_large": "pass"}.get(path[-1], new)
    new = ("/x",) if isinstance(default, tuple) else new
    said = json.dumps(new) if isinstance(new, tuple) else str(new)
    if path[-1] == "rules":
        said, new = '[{"name": "x", "when": "held"}]', (AlertRule(name="x", when="held"),)
    monkeypatch.setenv("MFT_" + "__".join(path).upper(), said)
    expected = leaves(Config.model_construct()) | {path: new}
    assert leaves(load_config(home)) == expected


def test_the_environment_stands_over_the_file_key_by_key(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.config_file.write_text('[doors.sftp]\nlisten = "127.0.0.1:1"\nlogin_seconds = 7\n')
    monkeypatch.setenv("MFT_DOORS__SFTP__LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("MFT_HOME", "/elsewhere")  # Ours, and no key.
    door = load_config(home).doors.sftp
    assert (door.listen, door.login_seconds) == ("127.0.0.1:2", 7)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[doors.sftp]\n\nlisen = "x"\n', "mft.toml:3: unknown key `doors.sftp.lisen`; did you mean `listen`?"),
        ("[pipelin]\nparsers = 1\n", "mft.toml:1: unknown key `pipelin`; did you mean `pipeline`?"),
        (
            "[audit]\nzzz = 1\n",
            "mft.toml:2: unknown key `audit.zzz`; known here: checkpoint_leaves, checkpoint_seconds",
        ),
        ("[doors.ftp]\nlisten = 1\n", "mft.toml:1: unknown key `doors.ftp`; did you mean `sftp`?"),
        ("\n[pipeline]\nparsers = 0\n", "mft.toml:3: `pipeline.parsers`: input should be greater than or equal to 1"),
        ('[pipeline]\nparsers = "two"\n', "mft.toml:2: `pipeline.parsers`: input should be a valid integer"),
        ("[doors.sftp]\nlisten = 2222\n", "mft.toml:2: `doors.sftp.listen`: input should be a valid string"),
        ('[scan]\nclamd = "localhost"\n', "mft.toml:2: `scan.clamd`: expected unix:/PATH or tcp:HOST:PORT"),
        ('[scan]\nclamd = "unix:ctl"\n', "mft.toml:2: `scan.clamd`: expected unix:/PATH or tcp:HOST:PORT"),
        ("doors = 5\n", "mft.toml:1: `doors`: "),
        ("doors.sftp.lisen = 1\n", "mft.toml:1: unknown key `doors.sftp.lisen`; did you mean `listen`?"),
        ("[doors.sftp\n", "mft.toml:1:"),
        ("\n\na = = 1\n", "mft.toml:3:5: not valid TOML"),
        ("a = 1\na = 2\n", "mft.toml:2:"),
        ('a = """', "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(home: Home, text: str, says: str) -> None:
    home.config_file.write_text(text)
    with pytest.raises(BadConfig) as caught:
        load_config(home)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value).strip()


def test_every_problem_has_its_line(home: Home) -> None:
    home.config_file.write_text("[pipeline]\nparsers = 0\nparser = 1\n[audit]\ncheckpoint_seconds = -1\n")
    with pytest.raises(BadConfig) as caught:
        load_config(home)
    lines = str(caught.value).splitlines()
    assert sorted(line.split(":")[1] for line in lines) == ["2", "3", "5"]


@pytest.mark.parametrize(
    "address",
    ["2222", ":2222", "localhost", "localhost:", "localhost:ssh", "127.0.0.1:65536", "127.0.0.1:-1", "", "a:²"],
)
def test_an_address_is_host_and_port(home: Home, address: str) -> None:
    home.config_file.write_text(f'[doors.sftp]\nlisten = "{address}"\n')
    with pytest.raises(BadConfig, match=r"mft\.toml:2: `doors\.sftp\.listen`: expected HOST:PORT, for example"):
        load_config(home)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:65535", "0.0.0.0:22", "sftp.example.com:2222"])
def test_good_addresses(home: Home, address: str) -> None:
    home.config_file.write_text(f'[doors.sftp]\nlisten = "{address}"\n')
    assert load_config(home).doors.sftp.listen == address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MFT_PIPELINE__PARSERS", "many"),
        ("MFT_PIPELINE__PARSER", "2"),
        ("MFT_DOORS__SFTP__LISTEN", "2222"),
        ("MFT_DOORS", "abc"),
        ("MFT_AUDIT", "[1]"),
    ],
)
def test_a_wrong_environment_variable_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadConfig) as caught:
        load_config(home)
    assert name in str(caught.value)


@pytest.mark.parametrize("broken", ["missing", "folder", "latin-1"])
def test_a_file_that_cannot_be_read(home: Home, broken: str) -> None:
    home.config_file.unlink()
    if broken == "folder":
        home.config_file.mkdir()
    elif broken == "latin-1":
        home.config_file.write_bytes(b"# Gr\xfc\xdfe\n")
    with pytest.raises(BadConfig, match=r"mft\.toml"):
        load_config(home)


class TestHome:
    def test_the_one_given_else_the_environments_else_here(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("given", "env", "mft-home"):
            (tmp_path / name / "config").mkdir(parents=True)
            (tmp_path / name / "config" / "mft.toml").touch()
        monkeypatch.delenv("MFT_HOME", raising=False)
        assert find_home(None).root == tmp_path / "mft-home"
        monkeypatch.setenv("MFT_HOME", "env")
        assert find_home(None).root == tmp_path / "env"
        assert find_home(Path("given")).root == tmp_path / "given"

    def test_none_says_how_to_make_one(self, tmp_path: Path) -> None:
        with pytest.raises(Missing, match=r"not an mft home: make one with `mft init .*none`"):
            find_home(tmp_path / "none")
        assert find_home(tmp_path / "none", must_exist=False).data == tmp_path / "none" / "data"

    def test_the_ledger_is_sqlite_unless_said_otherwise(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        assert home.ledger_url("") == f"sqlite:{tmp_path}/data/ledger.db"
        assert home.ledger_url("postgresql:///x") == "postgresql:///x"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('when = "hold"', "`when` is one of held, quarantined"),
        ('when = "disk"\npartner = "acme"', "a partner goes with held"),
        ('when = "rejected"\ndoubt = "bounds"', "a doubt goes with held"),
        ('when = "held"\n[[alerts.rules]]\nname = "x"\nwhen = "held"', "two rules have the same name"),
    ],
)
def test_a_rule_of_alerts_that_cannot_be_meant(home: Home, rule: str, says: str) -> None:
    home.config_file.write_text(f'[[alerts.rules]]\nname = "x"\n{rule}\n')
    with pytest.raises(BadConfig, match=re.escape(says)):
        load_config(home)


def test_without_rules_the_usual_ones_are_in_force() -> None:
    assert Config().alerts.in_force() == DEFAULT_RULES
