"""Files of another maker's generator: right claims pass, and what pyx12 has against the others we have, too."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.pyx12_oracle import judge
from tests.conformance.test_pyx12_guides import ALIASES, first_place, ours

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pyx12 leaves files open.

KNOWN = {
    "837p": frozenset[str](),
    "837i": frozenset({"x12.format", "x12.element-not-used", "x12.code-unknown"}),  # Short ZIP, CLM06, DTP02 of D8.
    "835": frozenset({"x12.element-missing", "x12.segment-missing"}),  # BPR16, and PER of the payer.
    "834": frozenset({"x12.element-not-used"}),  # DSB02.
}
"""What its files have wrong."""


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("seed", range(2))
def test_generated_files(kind: str, seed: int) -> None:
    made = subprocess.run(
        [Path(sys.executable).with_name("x12sdk-generate"), kind, "--seed", str(seed)], check=True, capture_output=True
    )
    data = made.stdout
    for alias, name in ALIASES:
        data = data.replace(alias, name)
    theirs, mine = judge(data), ours(data)
    assert theirs is not None
    assert len(theirs) == len(mine) > 0
    for one, other in zip(mine, theirs, strict=True):
        assert {error.code for error in one.errors} <= KNOWN[kind]
        assert (one.accepted, one.first) == (other.accepted, first_place(other))
