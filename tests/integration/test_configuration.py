"""Every change of the configuration is a leaf: at a start, at a reload, of partner files and of our own settings."""

import json
from typing import Any

from tests.harness import Site, run_mft


def leaves(site: Site, kind: str) -> list[dict[str, Any]]:
    said = run_mft("audit", "query", "--kind", kind, "--limit", "1000", "--json", home=site.home).stdout
    return [json.loads(line) for line in said.splitlines()]


def test_settings_are_told_of_when_they_differ_from_the_last_start(site: Site) -> None:
    secret = {"MFT_RECEIVE__FREE_MIB_MIN": "7"}
    for env in ({}, {}, secret, secret, {}):
        site.start(env=env)
        assert site.stop() == 0
    back, once, first = leaves(site, "settings.loaded")
    assert set(first["facts"]) == {"digest"}
    assert once["facts"]["changed"] == back["facts"]["changed"] == "receive.free_mib_min"
    assert once["facts"]["diff"].endswith(" → 7")
    assert back["facts"]["diff"].startswith("receive.free_mib_min: 7 → ")
    assert back["facts"]["digest"] == first["facts"]["digest"] != once["facts"]["digest"]


def test_partner_files_are_told_of_with_what_changed_and_when_they_go(site: Site) -> None:
    file = site.home / "config" / "partners" / "acme.toml"
    asked = ("partner", "add", "bob", "--ssh-key", site.root / "acme.pub")
    site.start()
    before = file.read_text()
    file.write_text(before.replace("enabled = true", "enabled = false"))
    added = run_mft(*asked, home=site.home)  # Which reloads.
    assert added.returncode == 0, added.stderr
    loaded = [leaf["facts"] for leaf in leaves(site, "partner.loaded") if leaf["facts"]["name"] == "acme"]
    assert loaded[0]["changed"] == "enabled"
    assert loaded[0]["diff"] == "enabled: true → false"
    assert "changed" not in loaded[1]
    assert site.stop() == 0

    file.write_text(before)
    (site.home / "config" / "partners" / "bob.toml").unlink()
    for _ in range(2):
        site.start()
        assert site.stop() == 0
    (gone,) = leaves(site, "partner.removed")
    assert (gone["facts"], gone["actor"]) == ({"name": "bob"}, "server")
    loaded = [leaf["facts"] for leaf in leaves(site, "partner.loaded") if leaf["facts"]["name"] == "acme"]
    assert [facts.get("changed") for facts in loaded] == [None, "enabled", "enabled", None]
    assert site.verify().returncode == 0
