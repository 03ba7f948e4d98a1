"""PGP with the real gpg: what is decrypted, whose signature counts, and what is held for which reason."""

import gzip
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update

from mft.ledger.tables import TRANSFER
from mft.pipeline import pgp
from mft.pipeline.parse import Parser
from mft.pipeline.pgp import Decryption, NoGpg, PgpKeys, PgpRefused, listed, memory_folder, sweep_homes
from partners.feed import Feed
from tests.archives import Gpg, _packet, gpg_home, without_protection, zipped
from tests.harness import missing, peer
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_unwrap import ORDERS, children, held, noise, put_in_force, receive, until_quiet

YEAR = ("--faked-system-time", "20240101T000000")


@dataclass
class People:
    """Our key, a partner's, a stranger's, and one of the partner's that has expired since it signed."""

    gpg: Gpg
    ours: str
    partner: str
    stranger: str
    expired: str
    old: str
    secret: bytes
    locked: str
    locked_secret: bytes

    def message(self, content: bytes, *arguments: str, signed_by: str = "", to: str = "") -> bytes:
        sign = ["--sign", "--local-user", signed_by] if signed_by else []
        return self.gpg.run(*arguments, *sign, "--encrypt", "--recipient", to or self.ours, content=content)


@pytest.fixture(scope="module")
def people() -> Iterator[People]:
    peer("gpg")
    if not Path("/dev/shm").is_dir():
        missing("there is no /dev/shm")
    with gpg_home(Path(tempfile.mkdtemp(dir="/dev/shm"))) as gpg:
        made = {}
        for name in ("ours", "partner", "stranger"):
            made[name] = gpg.make_key(name)
            gpg.add_subkey(made[name])
        expired = gpg.make_key("expired", *YEAR, expires="30d")
        old = gpg.make_key("old", *YEAR)
        secret = gpg.secret(made["ours"])
        with gpg_home(Path(tempfile.mkdtemp(dir="/dev/shm"))) as other:
            locked = other.make_key("locked", passphrase="open sesame")
            other.run("--quick-add-key", locked, "rsa2048", "encr", "0", passphrase="open sesame")
            locked_secret = other.secret(locked, "open sesame")
            gpg.run("--import", content=other.public(locked))
        yield People(gpg, made["ours"], made["partner"], made["stranger"], expired, old, secret, locked, locked_secret)


@pytest.fixture
def keys(people: People, tmp_path: Path) -> PgpKeys:
    found = PgpKeys(tmp_path / "keys" / "pgp", tmp_path / "config" / "pgp")
    found.secret.mkdir(parents=True)
    found.public.mkdir(parents=True)
    put_secret(found, "ours.asc", people.secret)
    for name in ("partner", "stranger", "expired", "old"):
        (found.public / f"{name}.asc").write_bytes(people.gpg.public(getattr(people, name)))
    return found


def put_secret(keys: PgpKeys, name: str, content: bytes) -> None:
    path = keys.secret / name
    path.write_bytes(content)
    path.chmod(0o400)


def decrypted(keys: PgpKeys, message: bytes, *wanted: str) -> tuple[bytes, str | None]:
    decryption = Decryption(keys, wanted)
    return b"".join(decryption.pieces(iter([message]))), decryption.signed_by


def refused(keys: PgpKeys, message: bytes, *wanted: str) -> str:
    with pytest.raises(PgpRefused) as caught:
        decrypted(keys, message, *wanted)
    return str(caught.value)


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """No home of gpg's is left, and no agent."""
    yield
    mine = f"{pgp._PREFIX}{os.getpid()}-"
    assert [path for path in memory_folder().iterdir() if path.name.startswith(mine)] == []
    agents = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    deadline = time.monotonic() + 10
    while mine in agents and time.monotonic() < deadline:
        agents = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert mine not in agents


class TestMessages:
    @pytest.mark.parametrize("size", [0, 1, 100_000, 5_000_000])
    @pytest.mark.parametrize("arguments", [(), ("--armor",), ("--compress-algo", "none"), ("--textmode",)])
    def test_a_message_for_us(self, people: People, keys: PgpKeys, size: int, arguments: tuple[str, ...]) -> None:
        content = noise(3, size) if "--textmode" not in arguments else b"ISA*00~\n" * (size // 8)
        assert decrypted(keys, people.message(content, *arguments)) == (content, None)

    def test_signed_as_agreed(self, people: People, keys: PgpKeys) -> None:
        signed = people.message(ORDERS, signed_by=people.partner)
        assert decrypted(keys, signed, people.partner) == (ORDERS, people.partner)
        assert decrypted(keys, signed, people.stranger, people.partner)[1] == people.partner
        assert decrypted(keys, signed) == (ORDERS, None)

    def test_signed_and_not_encrypted(self, people: People, keys: PgpKeys) -> None:
        signed = people.gpg.run("--sign", "--local-user", people.partner, content=ORDERS)
        assert decrypted(keys, signed, people.partner) == (ORDERS, people.partner)
        clear = people.gpg.run("--clear-sign", "--local-user", people.partner, content=b"UNA:+.? '\n- x\n")
        assert decrypted(keys, clear, people.partner) == (b"UNA:+.? '\n- x\n", people.partner)

    def test_a_key_with_a_passphrase(self, people: People, keys: PgpKeys) -> None:
        put_secret(keys, "locked.asc", people.locked_secret)
        message = people.message(ORDERS, to=people.locked)
        assert "does not open the secret key" in refused(keys, message)
        put_secret(keys, "passphrase", b"open sesame\n")
        assert decrypted(keys, message)[0] == ORDERS
        (keys.secret / "passphrase").chmod(0o600)
        put_secret(keys, "passphrase", b"wrong")
        assert "does not open the secret key" in refused(keys, message)

    def test_the_passphrase_stands_on_no_command_line(
        self, people: People, keys: PgpKeys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_secret(keys, "passphrase", b"open sesame\n")
        seen = []
        popen = subprocess.Popen

        def watched(arguments, *rest, **options):
            seen.append((arguments, options.get("env")))
            return popen(arguments, *rest, **options)

        monkeypatch.setattr(subprocess, "Popen", watched)
        decrypted(keys, people.message(ORDERS))
        assert any("--decrypt" in arguments for arguments, _ in seen)
        assert "sesame" not in str(seen)


class TestRefusals:
    def test_unsigned(self, people: People, keys: PgpKeys) -> None:
        assert "is not signed" in refused(keys, people.message(ORDERS), people.partner)

    def test_by_another(self, people: People, keys: PgpKeys) -> None:
        signed = people.message(ORDERS, signed_by=people.stranger)
        assert "none of the keys in `signed_by`" in refused(keys, signed, people.partner)

    def test_by_a_key_that_nobody_has(self, people: People, keys: PgpKeys) -> None:
        signed = people.message(ORDERS, signed_by=people.stranger)
        (keys.public / "stranger.asc").unlink()
        assert "not in config/pgp" in refused(keys, signed, people.partner, people.stranger)

    def test_by_a_key_that_has_expired(self, people: People, keys: PgpKeys) -> None:
        signed = people.gpg.run(*YEAR, "--sign", "--local-user", people.expired, content=ORDERS)
        assert "has expired" in refused(keys, signed, people.expired)

    def test_by_a_key_that_was_revoked(self, people: People, keys: PgpKeys, tmp_path: Path) -> None:
        with gpg_home(Path(tempfile.mkdtemp(dir="/dev/shm"))) as other:
            key = other.make_key("revoked")
            signed = other.run("--sign", content=ORDERS)
            (keys.public / "revoked.asc").write_bytes(other.public(key))
            assert decrypted(keys, signed, key)[1] == key
            certificate = (other.home / "openpgp-revocs.d" / f"{key}.rev").read_bytes()
            other.run("--import", content=certificate.replace(b":-----BEGIN", b"-----BEGIN"))
            (keys.public / "revoked.asc").write_bytes(other.public(key))
        assert "revoked" in refused(keys, signed, key)

    def test_a_signature_that_has_expired(self, people: People, keys: PgpKeys) -> None:
        signed = people.gpg.run(
            *YEAR, "--sign", "--default-sig-expire", "1d", "--local-user", people.old, content=ORDERS
        )
        assert "signature has expired" in refused(keys, signed, people.old)

    def test_altered_behind_its_signature(self, people: People, keys: PgpKeys) -> None:
        signed = people.gpg.run("--sign", "--compress-algo", "none", "--local-user", people.partner, content=ORDERS)
        altered = signed.replace(b"850", b"810", 1)
        assert altered != signed
        assert "does not fit the message" in refused(keys, altered, people.partner)

    def test_by_sha1(self, people: People, keys: PgpKeys) -> None:
        signed = people.gpg.run("--sign", "--digest-algo", "SHA1", "--local-user", people.partner, content=ORDERS)
        assert "a way that is not accepted" in refused(keys, signed, people.partner)

    def test_without_protection_against_altering(self, people: People, keys: PgpKeys) -> None:
        whole = people.message(ORDERS, "--cipher-algo", "AES256")
        old = without_protection(people.gpg, whole, ORDERS)
        given = subprocess.run(
            ["gpg", "--homedir", str(people.gpg.home), "--batch", "--ignore-mdc-error", "--decrypt"],
            input=old, capture_output=True,
        ).stdout  # fmt: skip
        assert given == ORDERS  # So that it is refused for this alone.
        assert "not protected against being altered" in refused(keys, old)

    def test_altered(self, people: People, keys: PgpKeys) -> None:
        whole = people.message(noise(1, 50_000))
        for at in (len(whole) - 5, len(whole) // 2, 400):
            altered = bytearray(whole)
            altered[at] ^= 1
            reason = refused(keys, bytes(altered))
            assert "does not let it pass" in reason

    @pytest.mark.parametrize("keep", [0.0, 0.001, 0.02, 0.5, 0.99])
    def test_cut_short(self, people: People, keys: PgpKeys, keep: float) -> None:
        whole = people.message(noise(1, 50_000), signed_by=people.partner)
        for wanted in ((), (people.partner,)):
            assert "does not let it pass" in refused(keys, whole[: int(len(whole) * keep)], *wanted)
        assert "does not let it pass" in refused(keys, whole[:-1])

    @pytest.mark.parametrize("arguments", [(), ("--armor",)])
    def test_two_messages_in_one_file(self, people: People, keys: PgpKeys, arguments: tuple[str, ...]) -> None:
        one = people.message(ORDERS, *arguments, signed_by=people.partner)
        two = people.message(b"something else", *arguments)
        for wanted in ((), (people.partner,)):
            assert "does not let it pass" in refused(keys, one + two, *wanted)

    def test_plaintext_before_or_behind_what_is_signed(self, people: People, keys: PgpKeys) -> None:
        signed = people.gpg.run("--sign", "--compress-algo", "none", "--local-user", people.partner, content=ORDERS)
        evil = _packet(11, b"b\0" + bytes(4) + b"evil")
        for message in (signed + evil, evil + signed):
            assert "does not let it pass" in refused(keys, message, people.partner)

    def test_for_somebody_else(self, people: People, keys: PgpKeys) -> None:
        assert "not in keys/pgp" in refused(keys, people.message(ORDERS, to=people.stranger))
        (keys.secret / "ours.asc").unlink()
        assert "not in keys/pgp" in refused(keys, people.message(ORDERS))

    @pytest.mark.parametrize(
        "garbage", [b"", b"hello", bytes(1000), noise(1, 70_000), b"\x85\x01\x0c\x03" + bytes(300)]
    )
    def test_garbage(self, keys: PgpKeys, garbage: bytes) -> None:
        assert "does not let it pass" in refused(keys, garbage)

    def test_a_message_of_which_gpg_says_too_much(
        self, people: People, keys: PgpKeys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pgp, "_SAID_MAX", 200)
        signed = people.message(ORDERS, signed_by=people.partner)
        assert "too many parts and signatures" in refused(keys, signed, people.partner)

    @pytest.mark.parametrize("keep", [0.5, 0.99, 0.9999])
    @pytest.mark.parametrize("arguments", [(), ("--compress-algo", "none")])
    def test_signed_alone_and_cut_short(
        self, people: People, keys: PgpKeys, arguments: tuple[str, ...], keep: float
    ) -> None:
        whole = people.gpg.run("--sign", *arguments, "--local-user", people.partner, content=noise(1, 50_000))
        cut = whole[: int(len(whole) * keep)]
        assert "as a whole" in refused(keys, cut)
        assert "is not signed" in refused(keys, cut, people.partner)

    @pytest.mark.parametrize("behind", [b"garbage", bytes(50), b"\r\n\x1a"])
    def test_something_behind_a_message(self, people: People, keys: PgpKeys, behind: bytes) -> None:
        message = people.message(ORDERS, signed_by=people.partner) + behind
        for wanted in ((), (people.partner,)):
            assert "does not let it pass" in refused(keys, message, *wanted)
        armored = people.message(ORDERS, "--armor")
        assert decrypted(keys, b"Dear all,\r\n\r\n" + armored.replace(b"\n", b"\r\n") + b"\r\n")[0] == ORDERS

    def test_keys_that_others_can_read(self, people: People, keys: PgpKeys) -> None:
        (keys.secret / "ours.asc").chmod(0o440)
        assert "others can read keys/pgp/ours.asc" in refused(keys, people.message(ORDERS))

    def test_a_file_that_is_no_key(self, people: People, keys: PgpKeys) -> None:
        (keys.public / "notes.asc").write_bytes(b"hello")
        assert "no key" in refused(keys, people.message(ORDERS))


class TestThisMachine:
    def test_no_memory_to_lay_keys_in(self, people: People, keys: PgpKeys, monkeypatch: pytest.MonkeyPatch) -> None:
        message = people.message(ORDERS)
        with monkeypatch.context() as patch:
            patch.setattr(pgp, "_file_system", lambda place: "ext4")
            with pytest.raises(NoGpg, match="tmpfs"):
                decrypted(keys, message)

    def test_no_gpg(self, keys: PgpKeys, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(pgp.shutil, "which", lambda name: None)
            with pytest.raises(NoGpg, match="not installed"):
                decrypted(keys, b"")

    def test_file_systems(self) -> None:
        assert pgp._file_system(Path("/dev/shm")) == "tmpfs"
        assert pgp._file_system(Path("/proc/self")) == "proc"

    def test_the_dead_are_swept(self) -> None:
        child = subprocess.Popen(["true"])
        child.wait()
        dead, alive = (memory_folder() / f"{pgp._PREFIX}{pid}-x" for pid in (child.pid, os.getpid()))
        dead.mkdir()
        alive.mkdir()
        sweep_homes()
        assert not dead.exists()
        assert alive.exists()
        alive.rmdir()

    def test_keys_are_listed_with_their_ends(self, people: People, keys: PgpKeys) -> None:
        found = {key.fingerprint: key for key in listed(keys)}
        assert set(found) == {people.ours, people.partner, people.stranger, people.expired, people.old}
        assert (found[people.ours].secret, found[people.ours].ends_at) == (True, None)
        ends_at = found[people.expired].ends_at
        assert ends_at is not None
        assert ends_at < time.time()
        assert not found[people.expired].secret


class TestTransfers:
    @pytest.fixture
    def agreed(self, desk: Desk, people: People, keys: PgpKeys) -> Desk:
        put_in_force(desk, Feed(name="wrapped", unwrap=True, pgp={"signed_by": [people.partner]}))
        desk.runner._pgp = keys
        return desk

    def test_a_message_is_a_transfer_that_is_read_and_answered(
        self, agreed: Desk, parser: Parser, people: People
    ) -> None:
        transfer = receive(agreed, b"orders.edi.pgp", people.message(ORDERS, signed_by=people.partner))
        until_quiet(agreed, parser)
        facts = agreed.leaf(transfer, "transfer.unwrapped")["facts"]
        assert facts == {"kind": "pgp", "members": 1, "signed_by": people.partner}
        (child,) = children(agreed, transfer)
        assert (child["name_bytes"], child["stage"], child["sets_accepted"]) == (b"orders.edi", "done", 2)

    def test_a_wrong_one_is_held_and_a_release_lets_it_pass_unsigned(
        self, agreed: Desk, parser: Parser, people: People
    ) -> None:
        message = people.message(ORDERS, signed_by=people.stranger)
        assert "`signed_by`" in held(agreed, parser, message, b"a.pgp")
        transfer = receive(agreed, b"a.pgp", message)
        waive = update(TRANSFER).where(TRANSFER.c.id == transfer).values(waived="pgp")
        agreed.core.writer.run(lambda books: books.execute(waive, {}))
        agreed.turn(parser)
        assert agreed.row(transfer)["stage"] == "done"

    @pytest.mark.parametrize("content", [ORDERS, b"", gzip.compress(ORDERS, mtime=0), zipped({"a.pgp": b"x"})])
    def test_what_is_no_message_may_not_stand_in_for_one(self, agreed: Desk, parser: Parser, content: bytes) -> None:
        transfer = receive(agreed, b"orders.edi", content)
        agreed.turn(parser)
        row = agreed.row(transfer)
        assert (row["stage"], row["doubt"]) == ("held", "pgp")
        assert "this is none" in row["reason"]
        assert children(agreed, transfer) == []
        waive = update(TRANSFER).where(TRANSFER.c.id == transfer).values(waived="pgp", stage="received")
        agreed.core.writer.run(lambda books: books.execute(waive, {}))
        agreed.turn(parser)
        assert agreed.row(transfer)["doubt"] != "pgp"

    def test_a_release_lets_nothing_pass_that_was_altered(self, agreed: Desk, parser: Parser, people: People) -> None:
        message = bytearray(people.message(ORDERS, signed_by=people.partner))
        message[-3] ^= 1
        transfer = receive(agreed, b"a.pgp", bytes(message))
        waive = update(TRANSFER).where(TRANSFER.c.id == transfer).values(waived="pgp archive")
        agreed.core.writer.run(lambda books: books.execute(waive, {}))
        agreed.turn(parser)
        assert agreed.row(transfer)["stage"] == "held"

    def test_a_bomb_in_a_message_is_stopped_and_gpg_with_it(self, agreed: Desk, parser: Parser, people: People) -> None:
        bomb = people.message(bytes(100 << 20), "--compress-algo", "bzip2", signed_by=people.partner)
        assert len(bomb) < 100_000
        assert "(ratio_max)" in held(agreed, parser, bomb, b"a.pgp")

    def test_nothing_in_clear_reaches_a_disk(
        self, agreed: Desk, parser: Parser, people: People, tmp_path: Path
    ) -> None:
        content = b"PATIENT" * 40_000
        receive(agreed, b"a.pgp", people.message(content, signed_by=people.partner))
        agreed.turn(parser)
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert b"PATIENTPATIENT" not in path.read_bytes(), path
