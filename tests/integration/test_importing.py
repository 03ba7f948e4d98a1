"""Partners of a server before this one go on as before: their known_hosts, and their keys."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.harness import Partner, Site, peer, run_mft


def new_key(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run([peer("ssh-keygen"), "-q", "-t", kind, "-N", "", "-C", path.name, "-f", str(path)], check=True)
    return path


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_an_old_host_key_is_known_and_ours_is_learnt(site: Site, kind: str) -> None:
    old = new_key(site.root / "old", kind)
    done = run_mft("import", "host-key", old, home=site.home)
    assert done.returncode == 0, done.stderr
    ours = (site.home / "keys" / "ssh_host_ed25519_key.pub").read_text().split()[1]
    rsa = (site.home / "keys" / "ssh_host_rsa_key.pub").read_text().split()[1]
    algorithm, theirs = Path(f"{old}.pub").read_text().split()[:2]
    site.start()
    known = site.root / "known_hosts"
    known.write_text(f"[127.0.0.1]:{site.port} {algorithm} {theirs}\n")
    command = [
        peer("sftp"), "-F", "none", "-P", str(site.port), "-b", "-", "-o", f"IdentityFile={site.root / 'acme'}",
        "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=yes",
        "-o", f"UserKnownHostsFile={known}", "acme@127.0.0.1",
    ]  # fmt: skip
    done = subprocess.run(command, input="pwd\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "bad signature" not in done.stderr
    assert theirs in known.read_text()
    assert ours in known.read_text()
    assert rsa in known.read_text()
    assert site.stop() == 0
    said = run_mft("audit", "query", "--kind", "key.in-force", "--json", home=site.home).stdout.splitlines()
    in_force = [leaf["facts"]["key"] for leaf in map(json.loads, said) if leaf["facts"]["use"] == "host"]
    command = [peer("ssh-keygen"), "-l", "-f", f"{old}.pub"]
    fingerprint = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]
    assert (len(in_force), in_force[0]) == (3, fingerprint)  # Behind the two that `mft init` made.
    assert site.verify().returncode == 0


def test_a_running_server_lets_imported_keys_in(site: Site) -> None:
    key = new_key(site.root / "north")
    site.start()
    done = run_mft("import", "authorized-keys", f"{key}.pub", "--partner", "north", home=site.home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("imported 1 key; the running server has them\n")
    done = site.sftp(Partner("north", key), "pwd")
    assert done.returncode == 0, done.stderr
    further = new_key(site.root / "further")
    done = run_mft("import", "authorized-keys", f"{further}.pub", "--partner", "acme", home=site.home)
    assert done.returncode == 0, done.stderr
    for allowed in (further, site.root / "acme"):
        assert site.sftp(Partner("acme", allowed), "pwd").returncode == 0
    listed = site.root / "numbers.csv"
    listed.write_text("own,partner,standard,interchange\nZZ:US,ZZ:NORTH,x12,411\n")
    done = run_mft("import", "control-numbers", listed, home=site.home)
    assert done.returncode == 0, done.stderr
    assert site.stop() == 0
    assert site.verify().returncode == 0
