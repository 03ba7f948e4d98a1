"""The columns that a search looks at are there, and any text can be looked for."""

import pytest

from mft.records.keys import KEYS, search_sql
from mft.records.session import Question
from mft.records.views import views


def test_every_key_is_a_column():
    for view, columns in KEYS.items():
        assert set(columns) <= {column.name for column in views()[view].columns}, view


@pytest.mark.parametrize("text", ["A1", "O'Neil", "'; DROP TABLE claims; --", "\\", '"', "ä", "'' OR ''=''"])
def test_a_text_stays_a_text(text):
    assert set(Question(search_sql(text, 5)).views) == set(KEYS)
