"""Files go on by routes of a real server: from an upload to a folder and to another partner, which fetches it."""

import json
import signal
import tomllib
from pathlib import Path
from typing import Any

from partners.route import Routes
from tests.harness import ROOT, Partner, Site, eventually, run_mft, sample
from tests.integration.test_configuration import leaves

NOTE = sample("remittance-note.pdf")


def put(site: Site, partner: Partner, name: str, content: bytes) -> None:
    with site.paramiko(partner) as client, client.open(name, "wb") as file:
        file.write(content)


def succeeded(site: Site) -> list[dict[str, Any]]:
    return [event for event in site.events() if event["type"] == "mft.delivery.succeeded.v1"]


def test_from_an_upload_to_its_folder_and_to_another_partner(site: Site, acme: Partner, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    file = site.home / "config" / "routes.toml"
    site.start()
    put(site, acme, "before.pdf", NOTE + b"1")
    site.rested("before.pdf")
    file.write_text(
        f'[[routes]]\nname = "out"\npartner = "acme"\nto = "{out}"\n'
        '[[routes]]\nname = "on"\nfile = "*.pdf"\nto_partner = "guest-00"\n'
    )
    site.process.send_signal(signal.SIGHUP)
    eventually(lambda: leaves(site, "routes.loaded"), what="the routes are in force")
    put(site, acme, "note.pdf", NOTE)
    eventually(lambda: len(succeeded(site)) == 2, what="both have it")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"note.pdf": NOTE}
    with site.paramiko(Partner("guest-00", acme.key)) as client:
        assert client.listdir("/outbound") == ["note.pdf"]
        with client.open("/outbound/note.pdf", "rb") as fetched:
            assert fetched.read() == NOTE

    file.write_text(file.read_text().replace('partner = "acme"', 'partner = "guest-01"'))
    site.process.send_signal(signal.SIGHUP)
    changed = eventually(lambda: leaves(site, "routes.loaded")[:-1], what="the change is in force")
    assert changed[0]["facts"]["changed"] == "routes.partner"
    assert '"acme" → "guest-01"' in changed[0]["facts"]["diff"]
    assert site.stop() == 0

    transfer = next(
        row["id"] for row in site.transfers() if row["name"] == "note.pdf" and row["direction"] == "inbound"
    )
    known = json.loads(run_mft("transfer", "show", transfer, "--json", home=site.home).stdout)
    assert [(one["route"], one["state"]) for one in known["deliveries"]] == [("out", "delivered"), ("on", "delivered")]
    listed = run_mft("route", "list", "--json", home=site.home).stdout.splitlines()
    assert [json.loads(line)["delivered"] for line in listed] == [1, 1]
    assert len(leaves(site, "delivery.made")) == 2
    assert site.verify().returncode == 0


def test_the_page_shows_routes_that_can_be_read() -> None:
    page = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
    blocks = [block for block in page.split("\n\n") if block.startswith("    [[routes]]")]
    assert len(blocks) == 4
    text = "\n\n".join(blocks).replace("    ", "")
    assert len(Routes.model_validate(tomllib.loads(text)).routes) == 4
