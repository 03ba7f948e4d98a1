"""Promises about the source as a whole: what must be true of every module, stage, event and error."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib import resources
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from mft.audit.log import KINDS
from mft.domain import NEXT_STAGES, Stage
from mft.events import CATALOGUE, Event, TransferEvent
from tests.harness import ROOT

PACKAGES = ("mft", "parsers", "partners")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LINES_MAX = 900
# Stages that code moves a transfer to today; a stage that is new here wants its leaf in KINDS.
REACHED = {
    Stage.RECEIVED, Stage.PARTIAL, Stage.IDENTIFIED, Stage.PARSED, Stage.CANONICALIZED, Stage.DONE, Stage.HELD,
    Stage.QUARANTINED, Stage.INCOMPLETE, Stage.UNSUPPORTED, Stage.REJECTED, Stage.EXPIRED, Stage.SUPERSEDED,
    Stage.RECEIVING, Stage.VALIDATED, Stage.ACKNOWLEDGED, Stage.UNWRAPPED,
}  # fmt: skip


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def called(tree: ast.AST) -> set[str]:
    """Every function that is called, dotted as it is written."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


PROCESS_STARTERS = {
    "mft/audit/verify.py",
    "mft/endpoints/processes.py",
    "mft/pipeline/parse.py",
    "mft/pipeline/pgp.py",
    "mft/sinks/checkpoints.py",
    "parsers/parallel.py",
}


class TestStages:
    @pytest.mark.parametrize("stage", sorted(REACHED))
    def test_every_stage_passed_leaves_its_leaf(self, stage: Stage) -> None:
        kind = "parked" if stage is Stage.RECEIVING else stage  # Its own leaf comes with how it ends.
        assert f"transfer.{kind}" in KINDS

    def test_no_stage_is_reached_in_silence(self) -> None:
        used = {
            Stage[node.attr]
            for path in MODULES
            if path.is_relative_to(ROOT / "mft") and path.name != "domain.py"
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Stage"
        }
        assert used == REACHED
        assert set(NEXT_STAGES) >= used

    def test_every_kind_is_written_somewhere(self) -> None:
        text = "".join(path.read_text(encoding="utf-8") for path in MODULES if path.name != "log.py")
        stages = {f"transfer.{stage}" for stage in REACHED}
        made = {"routes.loaded", "settings.loaded"}  # `Server._note_changes` makes these names.
        assert {kind for kind in KINDS if f'"{kind}"' not in text} <= stages | made


class TestEvents:
    @pytest.mark.parametrize("event", CATALOGUE, ids=lambda event: event.__name__)
    def test_says_when_it_comes_and_has_a_type(self, event: type[Event]) -> None:
        assert event.__doc__
        assert not event.__doc__.startswith(event.__name__), "a docstring of its own"
        assert re.fullmatch(r"mft(\.[a-z]+)+\.v[1-9]", event.type)

    def test_types_are_unique_and_all_are_in_the_catalogue(self) -> None:
        types = [event.type for event in CATALOGUE]
        assert len(types) == len(set(types))
        kinds = [*Event.__subclasses__(), *TransferEvent.__subclasses__()]
        names = {event.__name__ for event in kinds} - {"TransferEvent"}  # Slots make each class twice.
        assert {event.__name__ for event in CATALOGUE} == names

    def test_none_has_a_field_for_what_is_in_a_file(self) -> None:
        fields = {name for event in CATALOGUE for name in event.__dataclass_fields__}
        assert fields == {
            "transfer", "connection", "partner", "standard", "usage", "name", "size_bytes", "interchanges", "sets",
            "findings", "ref", "set", "set_number", "records", "record_schema", "sets_accepted", "sets_rejected",
            "opaque", "stage", "reason", "type", "duplicate_of", "ack", "folder", "kinds", "verdict", "control_number",
            "interchange", "repeated", "about", "key", "use", "days_left", "trading_partner",
            "delivery", "route", "target", "error", "given_up",
            "content", "masked", "left_out",  # On the way to a sink that was told to; the ledger never has them.
        }  # fmt: skip


CODE_WRITERS = {ROOT / "parsers" / "maps" / "compiler.py"}
"""What a map file says is written as Python and run, quoted; tests/unit/parsers/maps tries to break out of it."""


@pytest.mark.parametrize("path", MODULES, ids=name_of)
class TestModules:
    def test_only_the_command_line_prints(self, path: Path) -> None:
        if "cli" in path.parts or name_of(path) in {"mft/server.py", "mft/audit/mft_verify.py"}:
            return
        assert "print" not in called(tree_of(path))

    def test_only_one_syncs(self, path: Path) -> None:
        if name_of(path) == "mft/durable.py":
            return
        assert not {call for call in called(tree_of(path)) if call.split(".")[-1] in {"fsync", "fdatasync", "sync"}}

    def test_few_start_processes(self, path: Path) -> None:
        allowed = name_of(path) in PROCESS_STARTERS or "cli" in path.parts
        calls = called(tree_of(path))
        starts = {"os.system", "os.popen", "os.fork", "os.execv", "os.execvp", "os.spawnv", "pty.spawn"}
        assert not calls & starts
        assert allowed or not imported(tree_of(path)) & {"subprocess", "multiprocessing", "pty"}
        assert allowed or not {call for call in calls if "create_subprocess" in call}

    def test_nothing_runs_what_it_reads(self, path: Path) -> None:
        tree = tree_of(path)
        assert not imported(tree) & {"pickle", "marshal", "shelve", "dill", "yaml"}
        writes_code = path in CODE_WRITERS
        assert writes_code or not called(tree) & {"eval", "exec", "compile", "__import__"}
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert isinstance(node.value, ast.Constant)
                assert node.value.value is False

    def test_reads_in_one_sitting(self, path: Path) -> None:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX

    def test_speaks_no_sql_by_hand(self, path: Path) -> None:
        """Values reach a statement as parameters; what is written by hand is transaction control and PRAGMA.

        DuckDB's statements are made as text, out of our types and names: it has no builder, and never sees the ledger.
        """
        if "migrations" in path.parts or path.is_relative_to(ROOT / "mft" / "records"):
            return
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.JoinedStr):
                assert not re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|DROP)\b", ast.unparse(node)[2:])

    def test_catches_everything_only_where_it_says_why(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{name_of(path)}:{node.lineno}: a bare except"
                if ast.unparse(node.type) == "Exception" and name_of(path) != "mft/cli/main.py":
                    said = lines[node.lineno - 1].partition("# noqa: BLE001  ")[2]
                    assert said, f"{name_of(path)}:{node.lineno}: say why everything is caught here"


def needed(tree: ast.Module) -> set[str]:
    """Packages that a module imports, or reads files of."""
    resources_of = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "files" and node.args
        and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    }  # fmt: skip
    return imported(tree) | {name.split(".")[0] for name in resources_of}


def undeclared(trees: Iterable[ast.Module]) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {re.split(r"[^A-Za-z0-9_.-]", one, maxsplit=1)[0].lower().replace("_", "-") for one in wanted}
    owners = packages_distributions()
    foreign = set().union(*map(needed, trees)) - sys.stdlib_module_names - set(PACKAGES)
    return {
        name
        for name in foreign
        if declared.isdisjoint(owner.lower().replace("_", "-") for owner in owners.get(name, [name]))
    }


def test_what_the_packages_need_is_installed_with_them() -> None:
    """And not by chance, because some test wants it too."""
    assert undeclared(map(tree_of, MODULES)) == set()
    assert undeclared([ast.parse("import hypothesis"), ast.parse("files('hl7kit')")]) == {"hypothesis", "hl7kit"}


def test_every_file_of_ours_is_looked_at() -> None:
    assert len(MODULES) > 50
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


def test_the_demo_has_its_samples() -> None:
    from mft.cli.demo import MONTH, SCENES

    folder = resources.files("mft.samples")
    for scene in SCENES:
        assert (folder / scene.file).is_file(), scene.file
    for scene in MONTH:
        assert (folder / "month" / scene.file).is_file(), scene.file
    assert (resources.files("mft.ledger") / "migrations" / "env.py").is_file()


def test_tests_are_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize(
    ("source", "check"),
    [
        ("print('x')", TestModules.test_only_the_command_line_prints),
        ("import os\nos.fsync(3)", TestModules.test_only_one_syncs),
        ("import subprocess", TestModules.test_few_start_processes),
        ("import os\nos.system('ls')", TestModules.test_few_start_processes),
        ("from pickle import loads", TestModules.test_nothing_runs_what_it_reads),
        ("eval('1')", TestModules.test_nothing_runs_what_it_reads),
        ("run(shell=True)", TestModules.test_nothing_runs_what_it_reads),
        ("x = 1\n" * (LINES_MAX + 1), TestModules.test_reads_in_one_sitting),
        ("execute(f'SELECT * FROM {x}')", TestModules.test_speaks_no_sql_by_hand),
        ("try:\n    pass\nexcept:\n    pass", TestModules.test_catches_everything_only_where_it_says_why),
        ("try:\n    pass\nexcept Exception:\n    pass", TestModules.test_catches_everything_only_where_it_says_why),
    ],
)
def test_every_check_can_say_no(source: str, check: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_house.ROOT", tmp_path, raising=True)
    path = tmp_path / "planted.py"
    path.write_text(source)
    assert callable(check)
    with pytest.raises(AssertionError):
        check(None, path)


STANDARDS = {
    "bai2": "bai2", "delimited": "csv", "edifact": "edifact", "fixed_width": "fixed-width", "hl7": "hl7",
    "iso20022": "iso20022", "markup": "iso20022", "nacha": "nacha", "swift_mt": "swift-mt", "x12": "x12",
}  # fmt: skip


def finding_codes(package: str) -> set[str]:
    """Codes that a standard's reader reports, as far as they stand there whole."""
    codes: set[str] = set()
    for path in (ROOT / "parsers" / package).glob("*.py"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).endswith(("_report", ".report")):
                code = node.args[0]
                parts = [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]
                codes |= {
                    part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return codes


@pytest.mark.parametrize("package", STANDARDS)
def test_every_finding_of_a_standard_is_on_its_page(package):
    page = (ROOT / "docs" / "standards" / f"{STANDARDS[package]}.md").read_text(encoding="utf-8")
    told = {part.split(".", 1)[-1] for part in re.findall(r"`([^`\s]+)`", page)}
    assert {code for code in finding_codes(package) if code.split(".", 1)[-1] not in told} == set()


def test_the_page_of_findings_can_fail():
    assert "isa-width" in finding_codes("x12")
    assert "line-not-a-segment" in finding_codes("hl7")
