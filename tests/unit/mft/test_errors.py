"""Kinds of error: a code each, and an exit code each."""

import re

import pytest

import mft.server
from mft import errors
from mft.cli.main import EXIT_CODES, exit_code
from mft.command_socket import _error_kinds
from mft.errors import MFTError


def kinds(root: type[MFTError] = MFTError) -> list[type[MFTError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_code_is_dotted_and_its_own(kind: type[MFTError]) -> None:
    assert "code" in vars(kind), "a code of its own, not its parent's"
    assert re.fullmatch(r"[a-z]+(\.[a-z]+(-[a-z]+)*)?", kind.code)
    assert [other for other in kinds() if other.code == kind.code] == [kind]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_error_crosses_the_command_socket_as_itself(kind: type[MFTError]) -> None:
    assert _error_kinds()[kind.code] is kind


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_has_its_exit_code(kind: type[MFTError]) -> None:
    expected = {
        errors.BadConfig: 2,
        errors.Refused: 3,
        errors.Malformed: 1,
        errors.Duplicate: 3,
        errors.Missing: 3,
        errors.Busy: 3,
        errors.AuditMismatch: 1,
        errors.Broken: 4,
    }
    nearest = next((known for known in kind.__mro__ if known in expected), None)
    assert exit_code(kind("x")) == (expected[nearest] if nearest else 4)


def test_the_kinds_are_the_six() -> None:
    ours = {kind for kind in MFTError.__subclasses__() if kind.__module__ == "mft.errors"}
    assert {kind.__name__ for kind in ours} == {"Refused", "Malformed", "Duplicate", "Missing", "Busy", "Broken"}
    assert ours <= set(EXIT_CODES)
    assert mft.server
