"""What `[uploads]` of a partner file means: names that are not final yet, folders, and how much may come."""

import pytest
from pydantic import ValidationError

from partners.uploads import TEMPORARY, Uploads


class TestTemporaryNames:
    @pytest.mark.parametrize(
        "name",
        [
            b"claims.edi.tmp",
            b"claims.TMP",
            b"claims.temp",
            b"claims.edi.part",
            b"claims.edi.Partial",
            b"claims.edi.filepart",
            b"claims.edi.uploading",
            b"claims.edi.incomplete",
            b"claims.edi~",
            b"~claims.edi",
            b".claims.edi",
            b".tmp",
            b"\xff.tmp",
        ],
    )
    def test_as_programs_write_them(self, name: bytes) -> None:
        assert Uploads().is_temporary(name)

    @pytest.mark.parametrize(
        "name",
        [
            b"",
            b"tmp",
            b"claimstmp",
            b"claims.tmp.edi",
            b"claims.part1",
            b"claims.edi",
            b"claims~1.edi",
            b"part.edi",
            b"claims.edi.done",
            b"*.edi",
        ],
    )
    def test_all_others_are_final(self, name: bytes) -> None:
        assert not Uploads().is_temporary(name)

    def test_a_partner_may_have_others_instead(self) -> None:
        uploads = Uploads(temporary=("*.Busy", "WIP_*"))
        assert [uploads.is_temporary(name) for name in (b"a.BUSY", b"wip_a", b"a.wip_", b"a.tmp", b".a")] == [
            True,
            True,
            False,
            False,
            False,
        ]

    def test_a_partner_may_have_none(self) -> None:
        assert not Uploads(temporary=()).is_temporary(b"claims.tmp")

    def test_a_dot_is_a_dot(self) -> None:
        assert not Uploads(temporary=("*.tmp",)).is_temporary(b"claimsxtmp")

    @pytest.mark.parametrize("pattern", ["", "*", "**", ".tmp", "a*b", "*.tmp*", "*a*", "*.t?mp*"])
    def test_a_pattern_has_one_star_at_an_end(self, pattern: str) -> None:
        with pytest.raises(ValidationError, match="expected one star at its beginning or end"):
            Uploads(temporary=(*TEMPORARY, pattern))


class TestFolders:
    def test_staging_is_a_folder_and_all_below_it(self) -> None:
        uploads = Uploads(staging=("tmp", "claims/new"))
        assert [
            folder for folder in (b"tmp", b"tmp/a/b", b"claims/new", b"claims/new/a") if uploads.is_staging(folder)
        ] == [
            b"tmp",
            b"tmp/a/b",
            b"claims/new",
            b"claims/new/a",
        ]

    @pytest.mark.parametrize("folder", [b"", b"tmp2", b"a/tmp", b"claims", b"claims/newer", b"TMP"])
    def test_others_are_not(self, folder: bytes) -> None:
        assert not Uploads(staging=("tmp", "claims/new"), folders=("claims",)).is_staging(folder)

    def test_all_that_there_are_with_those_they_lie_in(self) -> None:
        uploads = Uploads(staging=("tmp", "claims/2024/new"), folders=("claims/2024", "größe"))
        assert uploads.all_folders == [
            b"claims",
            b"claims/2024",
            b"claims/2024/new",
            "größe".encode(),
            b"tmp",
        ]
        assert Uploads().all_folders == []

    @pytest.mark.parametrize("kind", ["staging", "folders"])
    @pytest.mark.parametrize(
        "folder",
        [
            *("", "/", "/tmp", "tmp/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\0b", "a\nb", "tmp\n"),
            "x" * 256,
            "/".join("abcdefghi"),
        ],
    )
    def test_none_leads_elsewhere(self, kind: str, folder: str) -> None:
        with pytest.raises(ValidationError):
            Uploads.model_validate({kind: (folder,)})

    @pytest.mark.parametrize("kind", ["staging", "folders"])
    @pytest.mark.parametrize("folder", ["tmp", "...", "..a", "two words", "x" * 255, "/".join("abcdefgh")])
    def test_any_other_name_may_be_one(self, kind: str, folder: str) -> None:
        assert folder.encode() in Uploads.model_validate({kind: (folder,)}).all_folders


class TestKeys:
    def test_what_holds_when_nothing_is_said(self) -> None:
        uploads = Uploads()
        assert uploads.temporary == TEMPORARY
        assert (uploads.make_folders, uploads.resume) == (False, True)
        assert (uploads.file_gib_max, uploads.day_files_max, uploads.day_gib_max) == (100, 100_000, 1_000)

    def test_an_unknown_key_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="temporery"):
            Uploads.model_validate({"temporery": []})

    @pytest.mark.parametrize("key", ["file_gib_max", "day_files_max", "day_gib_max"])
    @pytest.mark.parametrize("value", [0, -1])
    def test_a_limit_is_not_none_at_all(self, key: str, value: int) -> None:
        with pytest.raises(ValidationError, match=key):
            Uploads.model_validate({key: value})

    def test_it_does_not_change(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Uploads().resume = False
