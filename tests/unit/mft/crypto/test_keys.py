"""Bucket keys: wrapping, and the rules for the files that hold them."""

import json
from pathlib import Path

import pytest

from mft.crypto import keys
from mft.crypto.keys import (
    PUBLIC_SIZE,
    WRAPPED_SIZE,
    BucketPrivateKey,
    BucketPublicKey,
    generate_bucket_key,
    new_dek,
)
from mft.crypto.stream import context
from mft.errors import BadConfig, UnsealFailed

SEED = bytes(range(32))
KEY = BucketPrivateKey(SEED)
DEK = bytes(range(32, 64))
CONTEXT = context(1, "6f1d")


class TestWrap:
    def test_there_and_back(self) -> None:
        wrapped = KEY.public.wrap(DEK, CONTEXT)
        assert len(wrapped) == WRAPPED_SIZE == 1168
        assert KEY.unwrap(wrapped, CONTEXT) == DEK

    def test_never_the_same_twice(self) -> None:
        assert KEY.public.wrap(DEK, CONTEXT) != KEY.public.wrap(DEK, CONTEXT)

    def test_every_byte_counts(self) -> None:
        wrapped = KEY.public.wrap(DEK, CONTEXT)
        for offset in range(len(wrapped)):
            altered = bytearray(wrapped)
            altered[offset] ^= 1 << offset % 8  # At 1119 the bit that X25519 ignores; X-Wing hashes it.
            with pytest.raises(UnsealFailed):
                KEY.unwrap(bytes(altered), CONTEXT)

    @pytest.mark.parametrize("length", [0, 1, 48, 1119, 1120, 1136, 1167])
    def test_truncated(self, length: int) -> None:
        with pytest.raises(UnsealFailed):
            KEY.unwrap(KEY.public.wrap(DEK, CONTEXT)[:length], CONTEXT)

    def test_extended(self) -> None:
        with pytest.raises(UnsealFailed):
            KEY.unwrap(KEY.public.wrap(DEK, CONTEXT) + b"\0", CONTEXT)

    def test_a_point_that_no_key_pair_has(self) -> None:
        wrapped = KEY.public.wrap(DEK, CONTEXT)
        with pytest.raises(UnsealFailed):
            KEY.unwrap(wrapped[:1088] + bytes(32) + wrapped[1120:], CONTEXT)

    def test_moved_to_another_object(self) -> None:
        with pytest.raises(UnsealFailed):
            KEY.unwrap(KEY.public.wrap(DEK, CONTEXT), context(1, "6f1e"))

    def test_another_bucket_key(self) -> None:
        other = generate_bucket_key()
        with pytest.raises(UnsealFailed, match=other.id):
            other.unwrap(KEY.public.wrap(DEK, CONTEXT), CONTEXT)

    def test_something_else_than_a_dek(self) -> None:
        with pytest.raises(AssertionError):
            KEY.public.wrap(DEK[:31], CONTEXT)
        wrapped = keys._SUITE.encrypt(b"short", KEY.public._key, info=CONTEXT)
        with pytest.raises(UnsealFailed):
            KEY.unwrap(wrapped, CONTEXT)


class TestKeys:
    def test_the_id_is_of_the_public_bytes(self) -> None:
        assert len(KEY.public.public_bytes) == PUBLIC_SIZE
        assert KEY.id == KEY.public.id == "c9a3565ffde4f72b"

    def test_new_ones_differ(self) -> None:
        assert generate_bucket_key().id != generate_bucket_key().id
        assert new_dek() != new_dek()
        assert len(new_dek()) == 32

    def test_equality_is_of_the_public_half(self) -> None:
        assert BucketPrivateKey(SEED).public == KEY.public
        assert len({BucketPrivateKey(SEED).public, KEY.public}) == 1
        assert generate_bucket_key().public != KEY.public
        assert KEY.public != KEY.id

    def test_shown_by_id_only(self) -> None:
        assert repr(KEY) == str(KEY) == f"<BucketPrivateKey {KEY.id}>"
        assert repr(KEY.public) == f"<BucketPublicKey {KEY.id}>"

    @pytest.mark.parametrize("size", [0, 31, 33])
    def test_not_a_seed(self, size: int) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            BucketPrivateKey(bytes(size))

    def test_not_a_public_key(self) -> None:
        with pytest.raises(ValueError, match="1216"):
            BucketPublicKey(bytes(1215))
        with pytest.raises(ValueError):
            BucketPublicKey(b"\xff" * 1216)  # Coefficients out of range, FIPS 203 section 7.2.


class TestFiles:
    def test_saved_and_loaded(self, tmp_path: Path) -> None:
        key = BucketPrivateKey(KEY._seed, retention="claims", made_at=1_767_225_600_000_000)
        path = key.save(tmp_path)
        assert path == tmp_path / f"bucket-{KEY.id}.key"
        loaded = BucketPrivateKey.load(path)
        assert (loaded.public, loaded.retention, loaded.made_at) == (KEY.public, "claims", 1_767_225_600_000_000)
        assert path.stat().st_mode & 0o777 == 0o400

    @pytest.mark.parametrize("name", ["", "Claims", "claims_2", "-", "a" * 33, "../x", "c\n"])
    def test_not_a_retention_class(self, name: str) -> None:
        with pytest.raises(ValueError, match="retention class"):
            BucketPrivateKey(bytes(32), retention=name)

    def test_the_format(self, tmp_path: Path) -> None:
        path = KEY.save(tmp_path)
        assert json.loads(path.read_bytes()) == {
            "v": 1,
            "kind": "bucket-private-key",
            "kem": "X-Wing",
            "id": KEY.id,
            "retention": "standard",
            "made_at": 0,
            "key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        }

    @pytest.mark.parametrize("mode", [0o440, 0o404, 0o420, 0o401, 0o644])
    def test_readable_for_others(self, tmp_path: Path, mode: int) -> None:
        path = KEY.save(tmp_path)
        path.chmod(mode)
        with pytest.raises(BadConfig) as caught:
            BucketPrivateKey.load(path)
        assert str(caught.value).endswith(f"(mode {mode:04o}); run: chmod 0400 {path}")

    def test_a_systemd_credential_shows_its_access_list(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = KEY.save(tmp_path)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        path.chmod(0o440)
        assert BucketPrivateKey.load(path).id == KEY.id
        for mode in (0o444, 0o460, 0o450):
            path.chmod(mode)
            with pytest.raises(BadConfig, match="chmod"):
                BucketPrivateKey.load(path)

    def test_nothing_is_replaced(self, tmp_path: Path) -> None:
        path = KEY.save(tmp_path)
        with pytest.raises(BadConfig, match="File exists"):
            KEY.save(tmp_path)
        assert BucketPrivateKey.load(path).id == KEY.id

    def test_nothing_is_followed_when_writing(self, tmp_path: Path) -> None:
        (tmp_path / f"bucket-{KEY.id}.key").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BadConfig):
            KEY.save(tmp_path)
        assert not (tmp_path / "elsewhere").exists()

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfig, match="No such file"):
            BucketPrivateKey.load(tmp_path / "none")
        with pytest.raises(BadConfig, match="No such file"):
            KEY.save(tmp_path / "none")

    @pytest.mark.parametrize(
        "changed",
        [
            {"v": 2},
            {"kind": "bucket-public-key"},
            {"kem": "X25519"},
            {"id": "0123456789abcdef"},
            {"key": "AAEC"},
            {"key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9"},
            {"key": "?AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
            {"key": "AAEC AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
            {"key": None},
            {"key": 5},
            {"retention": "../standard"},
            {"retention": 5},
            {"made_at": "today"},
            {"made_at": None},
        ],
        ids=str,
    )
    def test_not_such_a_file(self, tmp_path: Path, changed: dict[str, object]) -> None:
        path = KEY.save(tmp_path)
        fields = json.loads(path.read_bytes()) | changed
        path.unlink()
        keys.write_key_file(path, json.dumps(fields), private=True)
        with pytest.raises(BadConfig) as caught:
            BucketPrivateKey.load(path)
        assert str(path) in str(caught.value)
        assert "AECAw" not in str(caught.value)

    def test_far_too_long(self, tmp_path: Path) -> None:
        path = KEY.save(tmp_path)
        path.chmod(0o600)
        path.write_text(path.read_text() + " " * 65_536)
        with pytest.raises(BadConfig, match="not a key file"):
            BucketPrivateKey.load(path)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"5", b"[" * 60000, b'{"key": "AA=="}'])
    def test_not_a_key_file_at_all(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "key"
        path.touch(0o600)
        path.write_bytes(content)
        with pytest.raises(BadConfig):
            BucketPrivateKey.load(path)
