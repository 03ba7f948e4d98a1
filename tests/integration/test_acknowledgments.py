"""A partner's own client uploads, and finds in its folder what its system waits for."""

import json
from pathlib import Path
from typing import Any

import parsers
from mft.ledger.acknowledgments import acknowledgments_of
from mft.ledger.database import Ledger, reading
from parsers.judged import JudgedInterchange, interchanges
from tests.harness import Partner, Site, eventually, run_mft, sample

CLAIMS = sample("claims-837p.edi")
FAULTS = (
    CLAIMS.replace(b"PRV*BI*PXC*", b"PRV*BI*QQQ*")
    .replace(b"*XX*1", b"*QX*1", 1)
    .replace(b"DTP*472*D8*", b"DTP*472*D9*", 1)
)


def uploaded(site: Site, partner: Partner, tmp_path: Path, name: str, content: bytes) -> dict[str, Any]:
    """Put a file, and wait until it has come to rest."""
    (tmp_path / name).write_bytes(content)
    before = len(site.transfers_of(partner))
    done = site.sftp(partner, f"put {tmp_path / name}")
    assert done.returncode == 0, done.stderr
    eventually(lambda: len(site.transfers_of(partner)) > before, what="it is received")
    return site.rested(name)


def fetched(site: Site, partner: Partner, tmp_path: Path, path: str) -> bytes:
    target = tmp_path / "fetched"
    done = site.sftp(partner, f"get {path} {target}")
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


def listed(site: Site, partner: Partner, folder: str = "/outbound") -> list[str]:
    done = site.sftp(partner, f"cd {folder}", "ls -1")
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line and not line.startswith("sftp>")]


def read(content: bytes) -> JudgedInterchange:
    (interchange,) = interchanges(parsers.read([content]))
    return interchange


def segments(content: bytes, *tags: str) -> list[list[str]]:
    return [one.split("*") for one in content.decode().replace("\n", "").split("~") if one.split("*")[0] in tags]


def test_a_good_file_brings_a_999_back_and_the_same_file_the_same(shared: Site, guest: Partner, tmp_path: Path) -> None:
    first = uploaded(shared, guest, tmp_path, "claims.edi", CLAIMS)
    assert first["stage"] == "done"
    assert listed(shared, guest) == ["claims.edi.999"]
    content = fetched(shared, guest, tmp_path, "/outbound/claims.edi.999")
    answer = read(content)
    assert not answer.failed
    assert (answer.opened.sender, answer.opened.receiver) == ("SAMPLEPAYER", "SAMPLESENDER")
    assert segments(content, "AK9", "IK5") == [["IK5", "A"], ["AK9", "A", "1", "1", "1"]]
    told = json.loads(run_mft("ack", "list", "--partner", guest.name, "--json", home=shared.home).stdout)
    assert (told["name"], told["verdict"], told["control_number"]) == (
        "claims.edi", "accepted", answer.opened.control_number,
    )  # fmt: skip
    assert told["fetched_at"] is not None

    assert shared.sftp(guest, "rm /outbound/claims.edi.999").returncode == 0
    again = uploaded(shared, guest, tmp_path, "claims.edi", CLAIMS)
    assert (again["stage"], again["reason"]) == ("done", f"duplicate of {first['id']}")
    assert listed(shared, guest) == ["claims.edi.999"]
    assert fetched(shared, guest, tmp_path, "/outbound/claims.edi.999") == content
    types = [event["type"] for event in shared.events() if event["subject"] == again["id"]]
    assert "mft.records.ready.v1" not in types
    eventually(
        lambda: "mft.transfer.duplicate.v1" in [e["type"] for e in shared.events() if e["subject"] == again["id"]],
        what="it is announced as a duplicate",
    )
    with reading(Ledger(f"sqlite:{shared.home / 'data' / 'ledger.db'}")) as books:
        assert [row["repeats"] for row in acknowledgments_of(books, again["id"])] == [first["id"]]


def test_three_faults_are_named_with_their_places(shared: Site, guest: Partner, tmp_path: Path) -> None:
    row = uploaded(shared, guest, tmp_path, "faults.edi", FAULTS)
    assert row["stage"] == "rejected"
    content = fetched(shared, guest, tmp_path, "/outbound/faults.edi.999")
    places = [line.split("*")[0] for line in FAULTS.decode().replace("\n", "").split("~")]
    first = places.index("ST")
    named = [(one[1], int(one[2])) for one in segments(content, "IK3")]
    assert len(named) == 3
    assert all(places[first + position - 1] == tag for tag, position in named)
    assert [tag for tag, _ in named] == ["PRV", "NM1", "DTP"]
    shown = run_mft("transfer", "show", row["id"], home=shared.home).stdout
    for words in ("rejected, records: 0, by x12/005010X222A1", "999, rejected", "/outbound/faults.edi.999"):
        assert words in shown
    assert listed(shared, guest, "/errors") == [f"faults.edi.{row['id']}.txt"]


def test_what_was_agreed_is_followed_from_the_next_reload_on(site: Site, acme: Partner, tmp_path: Path) -> None:
    site.start()
    uploaded(site, acme, tmp_path, "one.edi", CLAIMS)
    assert listed(site, acme) == ["one.edi.999"]
    path = site.home / "config" / "partners" / "acme.toml"
    agreed = (
        '\n[[agreements]]\nack_folder = "/outbound/acks"\nack_name = "{stem}-{number}.{kind}"\nduplicates = "ta1-025"\n'
    )
    path.write_text(path.read_text() + agreed)
    assert run_mft("partner", "check", home=site.home).returncode == 0
    bob = site.root / "acme.pub"
    assert run_mft("partner", "add", "bob", "--ssh-key", bob, home=site.home).returncode == 0  # Which reloads.
    row = uploaded(site, acme, tmp_path, "two.edi", CLAIMS)
    assert row["reason"].startswith("duplicate of")
    assert listed(site, acme, "/outbound/acks") == ["two-000000002.ta1"]
    content = fetched(site, acme, tmp_path, "/outbound/acks/two-000000002.ta1")
    assert segments(content, "TA1")[0][4:] == ["R", "025"]
    refused = site.sftp(acme, f"put {tmp_path / 'one.edi'} /outbound/acks/x")
    assert "Permission denied" in refused.stderr
    assert site.sftp(acme, "rmdir /outbound/acks").returncode == 1
    path.write_text(path.read_text() + '\n[[agreements]]\nguide = "nowhere"\n')
    done = run_mft("partner", "check", home=site.home)
    assert done.returncode == 2
    assert "there is no guide `nowhere`" in done.stderr
    assert site.stop() == 0
    assert site.verify().returncode == 0
