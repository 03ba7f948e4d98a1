"""Which values EDIFACT takes for a number, and what is said of the others."""

import pytest

from parsers.edifact.dialect import COMMON, dialect
from parsers.guides.model import ElementSpec

QUANTITY = ElementSpec(usage="R", type="n", min=1, max=5)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("12.50", None),
        ("-12345", None),
        ("0,5", None),
        (".5", None),
        ("123456", "element-too-long"),
        ("ABC", "element-characters"),
        ("1.2.3", "element-characters"),
        ("5-", "element-characters"),
        ("ABCDEFGHIJ", "element-characters"),
    ],
)
def test_a_number_is_one_before_its_digits_are_counted(value: str, code: str | None) -> None:
    fault = dialect(COMMON).check(value, QUANTITY, None)
    assert (fault and fault.code) == code
