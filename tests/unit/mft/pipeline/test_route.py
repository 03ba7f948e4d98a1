"""What goes by a route, of a real file of several interchanges, of wrapped ones, and what the configuration must know."""

import gzip
from pathlib import Path

import pytest

from mft.ledger.transfers import parts
from mft.pipeline.agreements import Agreed
from mft.pipeline.parse import Parser
from mft.pipeline.route import Journey, decide, journey_of, problems
from partners.feed import Feed
from partners.load import Directory
from partners.route import Piece, Route, Routes
from tests.harness import corpus
from tests.unit.mft.ledger.entries import ACME
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_deliver import come, lying, routes, to, worker

FILE = Piece("acme", b"a.edi", "x12", "production")


@pytest.mark.parametrize(
    ("path", "accepted"),
    [
        ("x12/xlate-staedi/x12/simple997-multiple-interchanges.edi", {1, 2, 3}),
        (
            "edifact/hellooops-vscode-edi-support/packages/edi-parser/test/fixtures/messages/EDIFACT-interchanges.edifact",
            {1},
        ),
    ],
)
def test_a_real_file_of_several_interchanges_is_split(
    desk: Desk, parser: Parser, tmp_path: Path, path: str, accepted: set[int]
) -> None:
    (tmp_path / "out").mkdir()
    content = (corpus() / path).read_bytes()
    routes(desk, to(tmp_path / "out", what="split", usage="any", name_template="{interchange}.edi"))
    transfer = come(desk, parser, b"real.edi", content)
    worker(desk).round()
    rows = parts(desk.books, "interchange", transfer)
    assert len(rows) > 1
    assert lying(tmp_path / "out") == {
        f"{row['position']}.edi": content[row["start_offset"] : row["end_offset"]]
        for row in rows
        if row["position"] in accepted
    }
    assert all(one.startswith((b"ISA", b"UN")) for one in lying(tmp_path / "out").values())


@pytest.mark.parametrize(
    ("what", "wrapped", "inner", "goes"),
    [
        ("original", False, False, True),
        ("original", True, False, True),
        ("original", False, True, False),
        ("unwrapped", False, False, True),
        ("unwrapped", True, False, False),
        ("unwrapped", False, True, True),
        ("split", True, False, False),
        ("split", False, True, True),
    ],
)
def test_what_of_a_wrapped_file_goes(what: str, *, wrapped: bool, inner: bool, goes: bool) -> None:
    route = Route(name="r", to="/srv/out", what=what)
    assert bool(decide(route, Journey("t", 0, FILE, wrapped=wrapped, inner=inner)).planned) == goes


@pytest.mark.parametrize(
    ("parent", "root", "evidence", "inner"),
    [
        (None, "me", None, False),
        ("zip", "zip", "{}", True),
        ("file", "file", '{"interchange": 2}', False),
        ("member", "zip", '{"interchange": 2}', True),
    ],
)
def test_an_interchange_that_waited_is_no_content_of_a_wrapped_file(
    parent: str | None, root: str, evidence: str | None, *, inner: bool
) -> None:
    job = {
        "id": "me", "parent_id": parent, "root_id": root, "evidence": evidence, "name_bytes": b"a", "feed": None,
        "received_at": 0,
    }  # fmt: skip
    journey = journey_of(job, Agreed(Directory({}), ""), partner="acme", standard="pdf", interchanges=(), sets=())
    assert journey.inner == inner


@pytest.mark.parametrize(
    ("keys", "line", "says"),
    [
        ('partner = "nobody"', 3, "there is no partner nobody"),
        ('feed = "nothing"', 3, "has a feed nothing"),
        ('trading_partner = "nobody"', 3, "has a trading partner nobody"),
        ('to_partner = "nobody"', 3, "there is no partner nobody"),
        ('to_partner = "acme"\nto_folder = "/outbound/x"', 4, "sees no such folder"),
        ('to = "HOME/data/out"', 3, "lies in the home"),
        ('to = "/srv/out"\n[[routes]]\nname = "r"\nto = "/srv/out"', 5, "another route is called r"),
    ],
)
def test_what_the_rest_of_the_configuration_does_not_know(
    desk: Desk, tmp_path: Path, keys: str, line: int, says: str
) -> None:
    import tomllib

    desk.agree(feeds=(Feed(name="claims"),))
    target = "" if keys.startswith(("to ", "to_")) else 'to = "/srv/out"'
    text = f'[[routes]]\nname = "r"\n{keys}\n{target}\n'.replace("HOME", str(tmp_path))
    file = tmp_path / "routes.toml"
    file.write_text(text)
    made = Routes.model_validate(tomllib.loads(text))
    (problem,) = problems(Directory(desk.directory.profiles, routes=made), file, tmp_path)
    assert problem.startswith(f"{file}:{line}: ")
    assert says in problem


def test_a_route_is_not_called_as_a_sink(desk: Desk, tmp_path: Path) -> None:
    desk.agree()
    assert ACME.connection in desk.directory.profiles
    made = Routes(routes=(Route(name="file", to="/srv/out"),))
    (problem,) = problems(Directory(desk.directory.profiles, routes=made), tmp_path / "routes.toml", tmp_path)
    assert "there is a sink file" in problem


def test_a_wrapped_file_goes_as_it_came_or_what_was_in_it(desk: Desk, parser: Parser, tmp_path: Path) -> None:
    folders = {what: tmp_path / what for what in ("original", "unwrapped", "split")}
    for folder in folders.values():
        folder.mkdir()
    made = [to(folder, name=what, what=what, usage="any") for what, folder in folders.items()]
    routes(desk, *made, feeds=(Feed(name="all", unwrap=True),))
    wrapped = gzip.compress(b"words of somebody", mtime=0)
    come(desk, parser, b"note.txt.gz", wrapped)
    while desk.turn(parser):
        pass
    worker(desk).round()
    assert lying(folders["original"]) == {"note.txt.gz": wrapped}
    assert lying(folders["unwrapped"]) == lying(folders["split"]) == {"note.txt": b"words of somebody"}
