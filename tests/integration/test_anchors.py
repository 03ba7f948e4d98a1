"""A real server: its checkpoints reach a real receiver, and a partner fetches a receipt that verifies offline."""

import json
import socket
import sys
from pathlib import Path

from mft.audit.checkpoint import verify
from mft.crypto.keyring import VERIFY_KEY
from mft.crypto.signing import VerifyKey
from tests.harness import Partner, Site, eventually, run_mft

OFTEN = {"MFT_AUDIT__CHECKPOINT_SECONDS": "1", "MFT_AUDIT__SEND_SECONDS": "1"}


def test_checkpoints_leave_and_a_receipt_is_fetched_and_proven(site: Site, acme: Partner, tmp_path: Path) -> None:
    partner_file = site.home / "config" / "partners" / "acme.toml"
    text = partner_file.read_text()
    partner_file.write_text(text.replace("[[logins]]", '[receipts]\nfolder = "/outbound/receipts"\n\n[[logins]]', 1))
    kept = tmp_path / "kept"
    keep = tmp_path / "keep"
    keep.write_text(f"#!{sys.executable} -I\nimport sys\nopen({str(kept)!r}, 'a').write(sys.stdin.read() + chr(0))\n")
    keep.chmod(0o755)
    key = VerifyKey.load(site.home / "keys" / VERIFY_KEY)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        places = {
            "MFT_AUDIT__SEND__SYSLOG": f"udp:127.0.0.1:{receiver.getsockname()[1]}",
            "MFT_AUDIT__SEND__COMMAND": json.dumps([str(keep)]),
        }
        site.start(env={**OFTEN, **places})
        line = receiver.recv(65536)
        note: str = json.loads(line.partition(b" checkpoint - checkpoint ")[2])
        assert verify(note, key).size > 0

        (tmp_path / "claims.edi").write_text("hello")
        assert site.sftp(acme, f"put {tmp_path / 'claims.edi'}").returncode == 0
        receipt = tmp_path / "claims.receipt"

        def fetched() -> bool:
            path = "/outbound/receipts/claims.edi.receipt"
            return site.sftp(acme, f"get {path} {receipt}").returncode == 0

        eventually(fetched, what="the receipt lies there")
        assert site.stop() == 0
    (transfer,) = [row["id"] for row in site.transfers() if row["name"] == "claims.edi"]
    said = run_mft("audit", "prove", "--check", receipt, "--key", site.home / "keys" / VERIFY_KEY, "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    proven = json.loads(said.stdout)
    assert (proven["leaf"]["transfer"], proven["shown"]["name"]) == (transfer, "claims.edi")

    newest = run_mft("audit", "checkpoint", home=site.home).stdout
    assert kept.read_text().split("\0")[-2] == newest, "the last one, signed at the stop, has left"
    doctor = run_mft("doctor", "--json", home=site.home, env=places)
    anchors = [check for line in doctor.stdout.splitlines() if (check := json.loads(line))["name"] == "anchor"]
    assert [check["state"] for check in anchors] == ["ok", "ok"]
    assert site.verify().returncode == 0
