"""Sites whose server starts in a tenth of a second: these tests start many."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.scenes import ForkedSite


@pytest.fixture
def site(tmp_path: Path, fresh_home: Path) -> Iterator[ForkedSite]:
    """A home of one's own, without a server."""
    shutil.copytree(fresh_home, tmp_path, dirs_exist_ok=True)
    site = ForkedSite(tmp_path)
    yield site
    site.kill()
