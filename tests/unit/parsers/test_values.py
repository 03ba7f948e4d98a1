import pytest

from parsers.canonical.values import decimal, iso_date, iso_moment
from parsers.text import decoded, within


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("150", "150"), ("80.50", "80.50"), ("-.5", "-0.5"), (".5", "0.5"), ("7.", "7"), ("-12", "-12"), ("0", "0"),
        ("", None), (".", None), ("-", None), ("1E3", None), ("1,5", None), ("+5", None), ("1.2.3", None), ("٣", None), (" 5", None),
    ],
)  # fmt: skip
def test_decimal(sent, value):
    assert decimal(sent) == value


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("20260302", "2026-03-02"), ("20240229", "2024-02-29"),
        ("20260229", None), ("20261301", None), ("20260300", None), ("00000000", None), ("260302", None),
        ("2026-W01", None), ("2026W011", None), ("202603021", None), ("", None), ("٢٠٢٦٠٣٠٢", None),
    ],
)  # fmt: skip
def test_iso_date(sent, value):
    assert iso_date(sent) == value


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("2026", "2026"),
        ("202603", "2026-03"),
        ("20260302", "2026-03-02"),
        ("202603020915", "2026-03-02T09:15"),
        ("20260302091530", "2026-03-02T09:15:30"),
        ("20260302091530.1250", "2026-03-02T09:15:30.1250"),
        ("20260302091530+0100", "2026-03-02T09:15:30+01:00"),
        ("202603020915-0530", "2026-03-02T09:15-05:30"),
        ("20261302", None),
        ("202613", None),
        ("20260230", None),
        ("202603022415", None),
        ("202603020960", None),
        ("2026030209", None),
        ("2026+0100", None),
        ("20260302.5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_iso_moment_keeps_the_precision_sent(sent, value):
    assert iso_moment(sent) == value


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        (b"plain", None, "plain"),
        ("Müller".encode(), None, "Müller"),
        ("Müller".encode("cp1252"), None, "Müller"),
        ("€ 5".encode("cp1252"), None, "€ 5"),
        ("Müller".encode(), "latin-1", "MÃ¼ller"),
        (b"\x81", None, "\ufffd"),
    ],
)
def test_decoded(raw, charset, text):
    assert decoded(raw.decode("latin-1"), charset) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [("ACME", "ACME"), ("ACME  ", "ACME"), (" ACME", " ACME"), ("", None), ("   ", None), ("ACMEX", None)],
)
def test_within(text, kept):
    assert within(text, 5 if text.startswith(" ") else 4) == kept
