import pytest

from parsers.differences import changes, in_general

CASES = [
    ("the same", {"a": 1, "b": [1]}, {"b": [1], "a": 1}, []),
    ("a value", {"a": "1"}, {"a": "2"}, [("a", "changed")]),
    ("gone and added", {"a": 1}, {"b": 1}, [("a", "gone"), ("b", "added")]),
    ("within", {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("a.b.c", "changed")]),
    ("items", {"l": [{"x": 1}, {"x": 2}]}, {"l": [{"x": 1}, {"x": 3}, {"x": 4}]}, [("l[2].x", "changed"), ("l[3]", "added")]),
    ("fewer items", {"l": [1, 2]}, {"l": [1]}, [("l[2]", "gone")]),
    ("null is not absent", {"a": None}, {}, [("a", "gone")]),
    ("where it came from", {"provenance": {"map": "x-1"}, "schema": "a/1"}, {"provenance": {"map": "x-2"}, "schema": "a/2"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_differs(before, after, said):
    assert list(changes(before, after)) == said


def test_a_field_in_general():
    assert in_general("lines[12].taxes[3].rate") == "lines[].taxes[].rate"
