"""Checkpoints: the bytes of a note, and every note that is none."""

import base64
import dataclasses
from pathlib import Path

import pytest

from mft.audit.checkpoint import Checkpoint, sign, verify
from mft.crypto.signing import SigningKey, VerifyKey
from mft.errors import AuditMismatch

# The text of C2SP tlog-checkpoint's example. The key to its signature is not published, so ours signs it here.
ORIGIN = "example.com/behind-the-sofa"
TEXT = f"{ORIGIN}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ROOT = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
CHECKPOINT = Checkpoint(ORIGIN, 20852163, ROOT)
KEY = SigningKey(ORIGIN, bytes(range(32)))
SIGNATURE_LINE = "— example.com/behind-the-sofa H1no9Vbha/V7K+0nOUyOYWY2eeqkJO0R/8eVdJBP1U6klJ63rYHH36AjiNbqMeYZ5wXtNMpYFqOQG4s/igFrnBBp3AU="
NOTE = f"{TEXT}\n{SIGNATURE_LINE}\n"
SPEC = Path(__file__).parents[4] / "docs" / "formats" / "audit-log.md"
WITNESS = "— example.com/witness " + base64.b64encode(bytes(76)).decode() + "\n"


def resigned(text: str, key: SigningKey = KEY) -> str:
    """A note whose signature is good, whatever it says."""
    blob = key.verify_key.key_id + key.sign(text.encode())
    return f"{text}\n— {key.name} {base64.b64encode(blob).decode()}\n"


class TestSign:
    def test_the_bytes_of_a_note(self) -> None:
        assert CHECKPOINT.text() == TEXT
        assert sign(CHECKPOINT, KEY) == NOTE == resigned(TEXT)

    def test_the_page_shows_this_note(self) -> None:
        page = SPEC.read_text(encoding="utf-8")
        assert SIGNATURE_LINE in page
        assert KEY.verify_key.vkey in page

    def test_of_an_empty_tree(self) -> None:
        empty = Checkpoint(ORIGIN, 0, ROOT)
        assert sign(empty, KEY).split("\n")[1] == "0"
        assert verify(sign(empty, KEY), KEY.verify_key) == empty

    def test_only_with_the_logs_own_key(self) -> None:
        with pytest.raises(AssertionError):
            sign(dataclasses.replace(CHECKPOINT, origin="example.com/other"), KEY)

    @pytest.mark.parametrize(("size", "root"), [(-1, ROOT), (1 << 63, ROOT), (5, ROOT[1:]), (5, b"")])
    def test_only_what_can_be_read(self, size: int, root: bytes) -> None:
        with pytest.raises(AssertionError):
            Checkpoint(ORIGIN, size, root)


class TestVerify:
    def test_ours(self) -> None:
        assert verify(NOTE, KEY.verify_key) == CHECKPOINT

    def test_with_witnesses(self) -> None:
        assert verify(NOTE + WITNESS, KEY.verify_key) == CHECKPOINT
        assert verify(NOTE.replace("\n\n", "\n\n" + WITNESS), KEY.verify_key) == CHECKPOINT
        assert verify(NOTE + WITNESS * 15, KEY.verify_key) == CHECKPOINT

    def test_signed_twice_by_us(self) -> None:
        assert verify(NOTE + SIGNATURE_LINE + "\n", KEY.verify_key) == CHECKPOINT

    def test_every_bit_of_every_character(self) -> None:
        for at, character in enumerate(NOTE):
            for bit in (*range(8), 15):
                altered = NOTE[:at] + chr(ord(character) ^ 1 << bit) + NOTE[at + 1 :]
                with pytest.raises(AuditMismatch):
                    verify(altered, KEY.verify_key)

    def test_what_is_not_text(self) -> None:
        for at in range(len(NOTE)):
            with pytest.raises(AuditMismatch):
                verify(NOTE[:at] + "\ud800" + NOTE[at + 1 :], KEY.verify_key)

    def test_every_character_missing_or_twice(self) -> None:
        for at in range(len(NOTE)):
            for altered in (NOTE[:at] + NOTE[at + 1 :], NOTE[:at] + NOTE[at] + NOTE[at:]):
                with pytest.raises(AuditMismatch):
                    verify(altered, KEY.verify_key)

    def test_every_truncation(self) -> None:
        for length in range(len(NOTE)):
            with pytest.raises(AuditMismatch):
                verify(NOTE[:length], KEY.verify_key)

    def test_another_key_of_the_same_name(self) -> None:
        with pytest.raises(AuditMismatch, match="not signed"):
            verify(NOTE, SigningKey.generate(ORIGIN).verify_key)

    def test_our_key_under_another_name(self) -> None:
        with pytest.raises(AuditMismatch, match="not signed"):
            verify(NOTE, VerifyKey("example.com/other", KEY.verify_key.public_bytes))

    def test_another_logs_checkpoint_signed_by_our_key(self) -> None:
        with pytest.raises(AuditMismatch, match="not of"):
            verify(resigned(TEXT.replace(ORIGIN, "example.com/other")), KEY.verify_key)

    def test_one_bad_signature_of_ours_spoils_a_good_one(self) -> None:
        bad = base64.b64encode(KEY.verify_key.key_id + bytes(64)).decode()
        with pytest.raises(AuditMismatch, match="does not verify"):
            verify(NOTE + f"— {ORIGIN} {bad}\n", KEY.verify_key)

    @pytest.mark.parametrize(
        "text",
        [
            TEXT.replace("20852163", "020852163"),
            TEXT.replace("20852163", "+20852163"),
            TEXT.replace("20852163", "-1"),
            TEXT.replace("20852163", " 20852163"),
            TEXT.replace("20852163", ""),
            TEXT.replace("20852163", "2085_2163"),
            TEXT.replace("20852163", "٢"),
            TEXT.replace("20852163", str(1 << 63)),
            TEXT.replace("20852163", "9" * 5000),
            TEXT.replace("q2I=", "q2J="),  # The same 32 bytes, and two stray bits.
            TEXT.replace("q2I=", "q2I"),
            TEXT.replace("q2I=", "q2I=\r"),
            TEXT.replace("CsUY", ""),
            TEXT.replace("Xajj7h2fB2MPA3j2jxq2I=", "-_jj7h2fB2MPA3j2jxq2I="),
            TEXT + "extension\n",
            TEXT + "\n",
            "\n" + TEXT,
            TEXT.replace("\n", "\r\n"),
            TEXT.replace(ORIGIN + "\n", ""),
            "\n",
        ],
    )
    def test_signed_but_not_a_checkpoint(self, text: str) -> None:
        with pytest.raises(AuditMismatch):
            verify(resigned(text), KEY.verify_key)

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "—",
            "— example.com/witness",
            "— example.com/witness ",
            "- example.com/witness AAAAAAAA",
            "— example.com/witness AAAAA",
            "— example.com/witness AAAAAA==",
            "— example.com/witness AAAAAAB=",
            "— example.com/witness AAAA=AAA",
            "— example.com/wit+ness AAAAAAAA",
            "— example.com/witness AAAAAAAA ",
            "— example.com/witness  AAAAAAAA",
            "—\u00a0example.com/witness AAAAAAAA",
            "— example.com/witness AAAAAAAA\r",
        ],
    )
    def test_a_malformed_line_beside_a_good_one(self, line: str) -> None:
        assert verify(NOTE + "— example.com/witness AAAAAAAA\n", KEY.verify_key) == CHECKPOINT
        with pytest.raises(AuditMismatch):
            verify(NOTE + line + "\n", KEY.verify_key)

    def test_far_too_long(self) -> None:
        with pytest.raises(AuditMismatch, match="too long"):
            verify(NOTE + WITNESS * 1000, KEY.verify_key)
