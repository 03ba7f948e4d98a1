"""Lines of an authorized_keys file: keys, until when they are good, and what is told as left out."""

import base64
from datetime import date

import pytest

from partners.authorized_keys import read_authorized_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43


def rsa(bits: int) -> str:
    fields = (b"ssh-rsa", b"\1\0\1", ((1 << bits) - 1).to_bytes(bits // 8 + 1, "big"))
    return "ssh-rsa " + base64.b64encode(b"".join(len(one).to_bytes(4, "big") + one for one in fields)).decode()


@pytest.mark.parametrize(
    ("line", "expires", "left_out"),
    [
        (f"{KEY} acme@host", None, []),
        (rsa(2048), None, []),
        (f"restrict {KEY}", None, []),
        (f"no-pty,no-port-forwarding,no-X11-forwarding {KEY}", None, []),
        (f'command="internal-sftp -l INFO" {KEY}', None, []),
        (f'command="/usr/lib/openssh/sftp-server" {KEY}', None, []),
        (f'command="/opt/take-in \\"$1\\", then" {KEY}', None, ["command"]),
        (f'from="192.0.2.0/24,!192.0.2.9",restrict {KEY}', None, ["from"]),
        (f"restrict,pty {KEY}", None, ["pty"]),
        (f"something-new {KEY}", None, ["something-new"]),
        (f'expiry-time="20310507" {KEY}', date(2031, 5, 6), []),
        (f'expiry-time="203105071200Z",from="192.0.2.1" {KEY}', date(2031, 5, 6), ["from"]),
    ],
)
def test_options_are_understood_or_told_as_left_out(line: str, expires: date | None, left_out: list[str]) -> None:
    ((key,), wrong) = read_authorized_keys(f"# ours\n\n{line}\n")
    assert wrong == []
    assert (key.line, key.key.split()[:2], key.expires) == (3, line.removesuffix(" acme@host").split()[-2:], expires)
    assert [told.split(":")[0] for told in key.left_out] == left_out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ssh-dss AAAAB3NzaC1kc3M= old", "too weak"),
        (f"cert-authority {KEY}", "certificates are not taken"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "certificates are not taken"),
        (f'expiry-time="tomorrow" {KEY}', "expiry-time is no time"),
        ("restrict", "there is no key"),
        (f"{KEY[:-8]} cut", "cut short"),
        (rsa(2047), "RSA key of 2047 bits"),
    ],
)
def test_a_line_that_has_no_good_key_is_wrong(line: str, words: str) -> None:
    keys, wrong = read_authorized_keys(f"{KEY} a\n{line}\n")
    assert [key.line for key in keys] == [1]
    ((number, told),) = wrong
    assert number == 2
    assert words in told
