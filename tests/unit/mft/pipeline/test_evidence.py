"""Companions: which names are some, of what they speak, and what they say; what is not understood says nothing."""

import codecs
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mft.pipeline.evidence import CONTENT_MAX, Checksum, checksums, companion_of, expected

CLAIMS = b"ISA*00*          *00*"
DIGESTS = {name: hashlib.new(name, CLAIMS).digest() for name in ("md5", "sha1", "sha256", "sha512")}
HEX = {name: digest.hex().encode() for name, digest in DIGESTS.items()}
SHA256 = DIGESTS["sha256"]
KINDS = {
    "checksum": b"md5 sha1 sha256 sha512 md5sum sha1sum sha256sum sha512sum",
    "done": b"done ok fin complete go",
    "control": b"ctl ctrl trg trigger sem",
}


def meant(name: bytes | None, algorithm: str = "sha256") -> list[Checksum]:
    return [Checksum(name, algorithm, DIGESTS[algorithm])]


class TestCompanions:
    @pytest.mark.parametrize(("kind", "suffix"), [(kind, one) for kind, all_ in KINDS.items() for one in all_.split()])
    def test_every_suffix_in_any_case(self, kind: str, suffix: bytes) -> None:
        for written in (suffix, suffix.upper(), suffix.title()):
            companion = companion_of(b"Claims.edi." + written)
            assert companion is not None
            assert (companion.kind, companion.subject) == (kind, b"Claims.edi")
            algorithm = suffix.decode().removesuffix("sum") if kind == "checksum" else None
            assert companion.algorithm == algorithm

    @pytest.mark.parametrize(
        "name",
        [
            b"",
            b".",
            b"claims",
            b"claims.edi",
            b"claims.",
            b"done",
            b".done",
            b"sha256",
            b"claims.done.edi",
            b"claims.sum",
        ],
    )
    def test_other_names_are_none(self, name: bytes) -> None:
        assert companion_of(name) is None

    @pytest.mark.parametrize(
        ("companion", "name", "spoken_of"),
        [
            (b"claims.edi.done", b"claims.edi", True),
            (b"claims.edi.DONE", b"claims.edi", True),
            (b"claims.done", b"claims", True),
            (b"claims.done", b"claims.edi", True),
            (b"claims.done", b"claims.2024.edi", True),
            (b"claims.edi.done", b"claims.txt", False),
            (b"claims.edi.done", b"claims", False),
            (b"claims.done", b"claims2.edi", False),
            (b"claims.done", b"claimsedi", False),
            (b"claims.done", b"CLAIMS.EDI", False),
            (b"claims.done", b"claims.done", False),
            (b"claims.done", b"claims.md5", False),
            (b"claims.done", b"claims.edi.md5", False),
            (b"claims.md5.done", b"claims.md5", True),
            (b"\xff.ok", b"\xff.x12", True),
        ],
    )
    def test_what_they_speak_of(self, companion: bytes, name: bytes, *, spoken_of: bool) -> None:
        found = companion_of(companion)
        assert found is not None
        assert found.may_speak_of(name) is spoken_of


class TestChecksums:
    @pytest.mark.parametrize("algorithm", DIGESTS)
    @pytest.mark.parametrize(
        ("form", "name"),
        [
            (b"%s", None),
            (b"%s\n", None),
            (b"  %s \r\n", None),
            (b"%s  claims.edi\n", b"claims.edi"),
            (b"%s *claims.edi\r\n", b"claims.edi"),
            (b"%s\tclaims.edi", b"claims.edi"),
            (b"%s  two words.edi", b"two words.edi"),
            (b"%s  out/claims.edi", b"claims.edi"),
            (b"%s *C:\\out\\claims.edi", b"claims.edi"),
            (b"\\%s *C:\\\\out\\\\new.edi", b"new.edi"),
            (b"\\%s  a\\nb", b"a\nb"),
            (b"%s  \xff\xe4.edi", b"\xff\xe4.edi"),
            (b"# made by a script\n\n; another\n%s  claims.edi\n", b"claims.edi"),
        ],
    )
    def test_lines_that_begin_with_the_digest(self, form: bytes, name: bytes | None, algorithm: str) -> None:
        for digits in (HEX[algorithm], HEX[algorithm].upper()):
            assert checksums(form % digits) == meant(name, algorithm)

    @pytest.mark.parametrize(
        ("line", "name", "algorithm"),
        [
            (b"MD5 (claims.edi) = %s", b"claims.edi", "md5"),
            (b"SHA1 (claims.edi) = %s", b"claims.edi", "sha1"),
            (b"SHA256 (claims.edi) = %s", b"claims.edi", "sha256"),
            (b"SHA512 (claims.edi) = %s", b"claims.edi", "sha512"),
            (b"sha256 (claims.edi) = %s", b"claims.edi", "sha256"),
            (b"SHA-256 (claims.edi) = %s", b"claims.edi", "sha256"),
            (b"SHA256(claims.edi)= %s", b"claims.edi", "sha256"),
            (b"SHA2-256(claims.edi)= %s", b"claims.edi", "sha256"),
            (b"SHA2-512(out/claims.edi)= %s\r\n", b"claims.edi", "sha512"),
            (b"SHA256 (claims (2).edi) = %s", b"claims (2).edi", "sha256"),
        ],
    )
    def test_lines_that_name_the_algorithm(self, line: bytes, name: bytes, algorithm: str) -> None:
        assert checksums(line % HEX[algorithm]) == meant(name, algorithm)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_a_byte_order_mark(self, encoding: str) -> None:
        mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
        text = f"{HEX['sha256'].decode()}  cläims.edi\r\n"
        assert checksums(mark + text.encode(encoding)) == meant("cläims.edi".encode())

    def test_several_files_in_their_order(self) -> None:
        content = b"%s  b.edi\n%s  a.edi\nMD5 (c.edi) = %s\n" % (HEX["sha256"], HEX["sha1"], HEX["md5"])
        assert checksums(content) == [
            Checksum(b"b.edi", "sha256", SHA256),
            Checksum(b"a.edi", "sha1", DIGESTS["sha1"]),
            Checksum(b"c.edi", "md5", DIGESTS["md5"]),
        ]

    @pytest.mark.parametrize(
        "line",
        [
            b"ISA*00*          *00*",
            b"<html>",
            HEX["sha256"][:-1],
            HEX["sha256"] + b"0",
            HEX["sha256"][:56],  # SHA-224
            HEX["sha512"] + b"00",
            b"x" + HEX["sha256"][1:],
            HEX["sha256"] + b"  out/",
            HEX["sha256"] + b"claims.edi",
            b"SHA256 (claims.edi) = " + HEX["sha1"],
            b"MD5 (claims.edi) = " + HEX["sha256"],
            b"SHA256 (claims.edi) = ",
            b"SHA256 () = " + HEX["sha256"],
            b"BLAKE2b (claims.edi) = " + HEX["sha512"],
            b"SHA2-1 (claims.edi) = " + HEX["sha1"],
            b"\0",
        ],
    )
    def test_a_line_that_is_not_understood_silences_all(self, line: bytes) -> None:
        good = HEX["sha256"] + b"  claims.edi\n"
        assert checksums(line) == []
        assert checksums(good + line) == []
        assert checksums(good) == meant(b"claims.edi")

    @pytest.mark.parametrize("content", [b"", b"\n\r\n", b"# nothing\n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
    def test_nothing_says_nothing(self, content: bytes) -> None:
        assert checksums(content) == []

    def test_a_large_file_says_nothing(self) -> None:
        line = HEX["sha256"] + b"  claims.edi\n"
        fits = b"#" * (CONTENT_MAX - len(line) - 1) + b"\n" + line
        assert checksums(fits) == meant(b"claims.edi")
        assert checksums(b"#" + fits) == []

    @given(st.binary(max_size=300), st.sampled_from([b"", HEX["sha256"] + b" ", codecs.BOM_UTF16_LE, b"SHA256 ("]))
    def test_any_bytes_are_read(self, content: bytes, before: bytes) -> None:
        for checksum in checksums(before + content):
            assert checksum.algorithm in DIGESTS
            assert len(checksum.digest) == hashlib.new(checksum.algorithm).digest_size
            assert checksum.name is None or (checksum.name and b"/" not in checksum.name)


class TestExpected:
    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (b"size=20480\n", {"size": 20480}),
            (b"size: 20480\r\n", {"size": 20480}),
            (b"Bytes = 20480", {"size": 20480}),
            (b"FILESIZE:20480", {"size": 20480}),
            (b"file_size=20480", {"size": 20480}),
            (b"File Size: 20480", {"size": 20480}),
            (b"size=0", {"size": 0}),
            (b"size=20480\ncount=12\n", {"size": 20480, "count": 12}),
            (b"name=claims.edi\ntime: 2024-06-01T12:30:00\n\n# end\nsize=20480", {"size": 20480}),
            (b"size=20480\nbytes=20480", {"size": 20480}),
            (codecs.BOM_UTF8 + b"size=20480", {"size": 20480}),
            ("size=20480\r\n".encode("utf-16"), {"size": 20480}),
            (b"sender=\xff\nsize=1", {"size": 1}),
        ],
    )
    def test_plain_pairs(self, content: bytes, found: dict[str, int]) -> None:
        assert expected(content) == found

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"count=12",
            b"name=claims.edi",
            b"size=",
            b"size=20 KB",
            b"size=20,480",
            b"size=-1",
            b"size=0x10",
            b"size=" + b"9" * 19,
            b"size=1\nbytes=2",
            b"size=1\ncount=many",
            b"size=1\nISA*00*",
            b"<size>1</size>",
            b'{"size": 1}',
            b"=1\nsize=1",
            b"size=\xd9\xa1",  # A digit, but not one of ours.
            b"#" * CONTENT_MAX + b"\nsize=1",
        ],
    )
    def test_anything_else_says_nothing(self, content: bytes) -> None:
        assert expected(content) == {}

    @given(st.binary(max_size=300), st.sampled_from([b"", b"size=1\n", codecs.BOM_UTF16_LE]))
    def test_any_bytes_are_read(self, content: bytes, before: bytes) -> None:
        found = expected(before + content)
        assert not found or "size" in found
        assert all(value >= 0 for value in found.values())
