"""Signing keys in signed-note's text forms, and commitments."""

import base64
import hashlib
from pathlib import Path

import pytest

from mft.crypto.signing import SigningKey, VerifyKey, commit
from mft.errors import BadConfig, UnsealFailed

# C2SP signed-note, "Verifier keys", example.
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_TEXT = b"This is an example message.\n"
SPEC_SIGNATURE = base64.b64decode(
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)

# golang.org/x/mod, sumdb/note, the example of its documentation.
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = base64.b64decode(
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)


@pytest.fixture
def go_key(tmp_path: Path) -> SigningKey:
    path = tmp_path / "go"
    path.touch(0o400)
    path.chmod(0o600)
    path.write_text(GO_SKEY + "\n")
    return SigningKey.load(path)


class TestCommit:
    def test_is_sha256_of_salt_and_value(self) -> None:
        salt = bytes(range(16))
        assert commit(salt, b"ACME Hospital") == hashlib.sha256(salt + b"ACME Hospital").digest()

    def test_the_vector_of_the_page(self) -> None:
        digest = commit(bytes(range(16)), b"acme").hex()
        assert digest == "5587c523f735b699b3192677da903ce6c1fa1e0d6e973f35305acf36dd8247d1"

    @pytest.mark.parametrize("size", [0, 15, 17])
    def test_a_salt_has_16_bytes(self, size: int) -> None:
        with pytest.raises(AssertionError):
            commit(bytes(size), b"")


class TestPublishedVectors:
    def test_the_specs_key_and_signature(self) -> None:
        key = VerifyKey.parse(SPEC_VKEY)
        assert (key.name, key.key_id.hex(), key.vkey) == ("example.com/foo", "530d903a", SPEC_VKEY)
        assert SPEC_SIGNATURE[:4] == key.key_id
        key.verify(SPEC_SIGNATURE[4:], SPEC_TEXT)

    def test_gos_key_signs_gos_signature(self, go_key: SigningKey) -> None:
        assert go_key.verify_key.vkey == GO_VKEY
        assert go_key.verify_key.key_id + go_key.sign(GO_TEXT) == GO_SIGNATURE


class TestVerify:
    KEY = VerifyKey.parse(GO_VKEY)
    SIGNATURE = GO_SIGNATURE[4:]

    def test_every_bit_of_a_signature(self) -> None:
        self.KEY.verify(self.SIGNATURE, GO_TEXT)
        for bit in range(64 * 8):
            altered = bytearray(self.SIGNATURE)
            altered[bit // 8] ^= 1 << bit % 8
            with pytest.raises(UnsealFailed):
                self.KEY.verify(bytes(altered), GO_TEXT)

    @pytest.mark.parametrize("signature", [b"", SIGNATURE[:-1], SIGNATURE + b"\0", bytes(64)])
    def test_no_signature(self, signature: bytes) -> None:
        with pytest.raises(UnsealFailed):
            self.KEY.verify(signature, GO_TEXT)

    def test_another_text(self) -> None:
        with pytest.raises(UnsealFailed):
            self.KEY.verify(self.SIGNATURE, GO_TEXT + b"\n")

    def test_another_key(self) -> None:
        with pytest.raises(UnsealFailed):
            SigningKey.generate("PeterNeumann").verify_key.verify(self.SIGNATURE, GO_TEXT)


class TestVkey:
    def test_every_character_counts(self) -> None:
        for at, character in enumerate(GO_VKEY):
            with pytest.raises(ValueError):
                VerifyKey.parse(GO_VKEY[:at] + chr(ord(character) ^ 1) + GO_VKEY[at + 1 :])

    def test_every_part_missing(self) -> None:
        for begin in range(len(GO_VKEY)):
            for end in range(begin, len(GO_VKEY)):
                with pytest.raises(ValueError):
                    VerifyKey.parse(GO_VKEY[begin:end])

    @pytest.mark.parametrize(
        "vkey",
        [
            GO_VKEY + "\n",
            " " + GO_VKEY,
            GO_VKEY.replace("c74f20a3", "C74F20A3"),
            GO_VKEY.replace("c74f20a3", "c7 4f20a3"),
            GO_VKEY.replace("ARpc", "AhpC"),
            GO_VKEY + "AAAA",
            "+" + GO_VKEY.split("+", 1)[1],
            GO_SKEY,
        ],
    )
    def test_not_a_vkey(self, vkey: str) -> None:
        with pytest.raises(ValueError):
            VerifyKey.parse(vkey)

    @pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "é", "a" * 201])
    def test_not_a_name(self, name: str) -> None:
        with pytest.raises(ValueError, match="key name"):
            SigningKey.generate(name)

    def test_equality_is_of_name_and_key(self) -> None:
        assert VerifyKey.parse(GO_VKEY) == VerifyKey.parse(GO_VKEY)
        assert len({VerifyKey.parse(GO_VKEY), VerifyKey.parse(GO_VKEY)}) == 1
        assert VerifyKey.parse(GO_VKEY) != VerifyKey("other", VerifyKey.parse(GO_VKEY).public_bytes)
        assert VerifyKey.parse(GO_VKEY) != GO_VKEY


class TestFiles:
    def test_saved_and_loaded(self, tmp_path: Path, go_key: SigningKey) -> None:
        go_key.save(tmp_path / "private")
        go_key.verify_key.save(tmp_path / "public")
        assert (tmp_path / "private").read_text() == GO_SKEY + "\n"
        assert (tmp_path / "public").read_text() == GO_VKEY + "\n"
        assert (tmp_path / "private").stat().st_mode & 0o777 == 0o400
        assert SigningKey.load(tmp_path / "private").sign(b"x") == go_key.sign(b"x")
        assert VerifyKey.load(tmp_path / "public") == go_key.verify_key

    def test_readable_for_others(self, tmp_path: Path, go_key: SigningKey) -> None:
        go_key.save(tmp_path / "private")
        (tmp_path / "private").chmod(0o440)
        with pytest.raises(BadConfig, match="chmod 0400"):
            SigningKey.load(tmp_path / "private")

    def test_nothing_is_replaced(self, tmp_path: Path, go_key: SigningKey) -> None:
        go_key.save(tmp_path / "private")
        with pytest.raises(BadConfig, match="File exists"):
            SigningKey.generate("x").save(tmp_path / "private")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            GO_VKEY,
            GO_SKEY.removeprefix("PRIVATE+KEY+"),
            GO_SKEY[:-1],
            GO_SKEY + "\n\n",
            GO_SKEY.replace("PeterNeumann", "EnochRoot"),
            GO_SKEY.replace("c74f20a3", "c74f20a4"),
            GO_SKEY.replace("+AYEK", "+AoEK"),
        ],
    )
    def test_not_a_signing_key_file(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "key"
        path.touch(0o600)
        path.write_text(text)
        with pytest.raises(BadConfig) as caught:
            SigningKey.load(path)
        assert str(path) in str(caught.value)
        assert "EKFALV" not in str(caught.value)

    def test_not_a_verify_key_file(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("x")
        with pytest.raises(BadConfig, match="key"):
            VerifyKey.load(tmp_path / "key")

    def test_shown_without_the_private_half(self, go_key: SigningKey) -> None:
        assert repr(go_key) == str(go_key) == "<SigningKey PeterNeumann+c74f20a3>"
        assert repr(go_key.verify_key) == f"<VerifyKey {GO_VKEY}>"
