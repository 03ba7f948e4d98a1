"""Agreements: what they match, how acknowledgments are called, and what is refused in words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.agreement import ACK_FIELDS, Agreement
from partners.load import load_directory, profile_of, render
from partners.strict_toml import BadFile
from tests.unit.partners.test_load import GOOD, problem, write

SET = {"standard": "x12", "set": "837", "version": "005010X222A1", "sender": "A", "receiver": "B", "usage": "T"}
FIELDS = {
    "name": b"claims.edi", "stem": b"claims", "kind": b"999", "control_number": b"000000007", "date": b"20260301",
    "time": b"093000", "number": b"000000012",
}  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("agreement", "matches"),
    [
        (Agreement(), True),
        (Agreement(**SET), True),  # type: ignore[arg-type]
        (Agreement(version="005010"), True),
        (Agreement(version="X222A1"), False),
        *((Agreement(**{key: "else"}), False) for key in SET),  # type: ignore[arg-type]
    ],
)
def test_it_is_for_what_it_names(agreement: Agreement, *, matches: bool) -> None:
    assert agreement.matches(**SET) is matches  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["set", "version", "sender", "receiver", "usage"])
def test_what_a_file_does_not_say_matches_no_name(key: str) -> None:
    assert not Agreement(**{key: SET[key]}).matches(**{**SET, key: None})  # type: ignore[arg-type]
    assert Agreement().matches(**{**SET, key: None})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{name}.{kind}", b"claims.edi.999"),
        ("{stem}-{control_number}.{kind}", b"claims-000000007.999"),
        ("ack_{date}{time}_{number}", b"ack_20260301093000_000000012"),
        ("größe.{kind}", "größe.999".encode()),
        ("fixed", b"fixed"),
    ],
)
def test_an_acknowledgment_is_called_as_agreed(template: str, name: bytes) -> None:
    assert Agreement(ack_name=template).ack_called(FIELDS) == name


def test_of_a_name_that_is_too_long_the_end_is_kept() -> None:
    name = Agreement().ack_called({**FIELDS, "name": b"\xff" * 255})
    assert (len(name), name[-4:]) == (255, b".999")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('ack_name = "{nane}.{kind}"', "`agreements.ack_name`: there is no field {nane}; there are " + ", ".join(ACK_FIELDS)),
        ('ack_name = "{name.__class__}"', "there is no field {name.__class__}"),
        ('ack_name = "{name"', "a brace is not closed"),
        ('ack_name = "../{name}"', "this is no file name"),
        ('ack_name = "\\u0000"', "this is no file name"),
        ('ack_name = ".."', "this is no file name"),
        ('ack_folder = "/inbound"', "`agreements.ack_folder`: "),
        ('ack_folder = "/outbound/"', "`agreements.ack_folder`: "),
        ('levels = { "8" = "reject" }', "less than or equal to 7"),
        ('levels = { "3" = "refuse" }', "'reject', 'warn' or 'report'"),
        ('duplicates = "never"', "'repeat', 'ta1-025' or 'silent'"),
        ('acknowledge = "1"', "'auto', 'none', 'ta1', '997', '999', 'contrl' or 'hl7'"),
        ("duplicate_days = -1", "greater than or equal to 0"),
        ('guides = "x"', "unknown key `agreements.guides`; did you mean `guide`?"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_said(tmp_path: Path, line: str, says: str) -> None:
    write(tmp_path, "acme.toml", f"{GOOD}\n[[agreements]]\n{line}\n")
    said = problem(tmp_path)
    assert said.startswith(f"{tmp_path / 'acme.toml'}:{GOOD.count(chr(10)) + 3}: ")
    assert says in said


@given(
    st.lists(
        st.builds(
            Agreement,
            set=st.none() | TEXTS,
            guide=st.none() | TEXTS,
            levels=st.dictionaries(st.integers(1, 7), st.sampled_from(["reject", "warn", "report"])),
            all_or_nothing=st.booleans(),
            duplicate_days=st.integers(0, 400),
            acknowledge=st.sampled_from(["auto", "none", "997"]),
        ),
        max_size=3,
    )
)
def test_they_are_written_as_they_are_read(
    tmp_path_factory: pytest.TempPathFactory, agreements: list[Agreement]
) -> None:
    folder = tmp_path_factory.mktemp("partners")
    write(folder, "a.toml", GOOD)
    connection = next(iter(load_directory(folder).profiles.values())).connection
    connection = connection.model_copy(update={"agreements": tuple(agreements)})
    write(folder, "a.toml", render(connection))
    again = next(iter(load_directory(folder).profiles.values())).connection
    assert again.agreements == tuple(agreements)
    assert profile_of(again).hash == profile_of(connection).hash


def test_folders_of_acknowledgments_come_behind_those_that_they_lie_in(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", GOOD + '\n[[agreements]]\nack_folder = "/outbound/x/y"\n\n[[agreements]]\n')
    (profile,) = load_directory(tmp_path).profiles.values()
    assert profile.connection.out_folders == [b"/outbound", b"/outbound/x", b"/outbound/x/y"]


class TestGuidesBesideThem:
    def folders(self, tmp_path: Path, **guides: str) -> tuple[Path, Path]:
        for name in ("partners", "guides"):
            (tmp_path / name).mkdir()
        write(tmp_path / "partners", "acme.toml", GOOD)
        for name, text in guides.items():
            write(tmp_path / "guides", f"{name}.toml", text)
        return tmp_path / "partners", tmp_path / "guides"

    def test_are_known_by_their_ids(self, tmp_path: Path) -> None:
        text = 'id = "acme-837"\nextends = "x12/005010X222A1"\n'
        directory = load_directory(*self.folders(tmp_path, one=text, two='id = "own"\n'))
        assert {guide.id: guide.extends for guide in directory.guides.values()} == {
            "acme-837": "x12/005010X222A1",
            "own": None,
        }
        assert directory.guides["acme-837"].text == text
        assert len(directory.guides["acme-837"].hash) == 64

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("x = = 1", "b.toml:1:"),
            ('title = "x"', 'b.toml:1: `id` is missing: agreements name a guide by it; write id = "…"'),
            ('id = "a"', "b.toml:1: the id `a` is in "),
        ],
    )
    def test_that_cannot_be_read_are_named(self, tmp_path: Path, text: str, says: str) -> None:
        with pytest.raises(BadFile) as caught:
            load_directory(*self.folders(tmp_path, a='id = "a"', b=text))
        assert says in str(caught.value)
