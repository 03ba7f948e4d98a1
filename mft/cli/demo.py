"""`mft demo`: the whole story in one process, with a real SFTP client and files of made-up data."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli import demo_events, demo_inbound
from mft.cli.demo_inbound import CLEARINGHOUSE, DESK
from mft.cli.demo_inbound import CLINIC as _CLINIC
from mft.cli.demo_inbound import RETAILER as _RETAILER
from mft.cli.demo_stage import rested, run_mft, sftp, short
from mft.errors import Broken, NameTaken

if TYPE_CHECKING:
    from mft.config import Config
    from mft.home import Home
    from mft.server import Server

_MARK = ".mft-demo"


@dataclass(frozen=True, slots=True)
class Scene:
    partner: str
    file: str
    what: str
    stage: str


SCENES = (
    Scene(_CLINIC, "claims-837p.edi", "a good 837P: professional claims", "done"),
    Scene(_RETAILER, "orders-850.edi", "a good 850: a purchase order", "done"),
    Scene(_CLINIC, "admissions-adt.hl7", "an HL7 batch: admissions and discharges", "done"),
    Scene(_CLINIC, "claims-wrong-count.edi", "an 837P whose SE01 counts wrong", "rejected"),
    Scene(_RETAILER, "remittance-note.pdf", "a PDF, which is no EDI and welcome all the same", "done"),
    Scene(_CLINIC, "claims-cut-off.edi", "an 837P that was cut off on its way", "incomplete"),
)

MONTH = (
    Scene(_CLINIC, "remittance-835.edi", "an 835: what was paid for claims", "done"),
    Scene(_RETAILER, "shipment-856.edi", "an 856: what was sent for one order", "done"),
    Scene(_CLINIC, "results-oru.hl7", "results of a laboratory", "done"),
    Scene(_RETAILER, "statement-mt940.sta", "two MT940 statements, of which one does not add up", "done"),
)
QUESTIONS = (
    (
        "which payers denied claims, and what were they worth?",
        """SELECT r.payer_name, count(*) AS denied, sum(c.charge) AS charge
        FROM remittance_claims c JOIN remittances r USING (transfer, set_number, record)
        WHERE c.status = 'denied' GROUP BY ALL""",
    ),
    (
        "which payments speak of claims that we never sent?",
        """SELECT r.trace, c.claim_id, c.status, c.charge
        FROM remittance_claims c JOIN remittances r USING (transfer, set_number, record)
        ANTI JOIN claims USING (claim_id)""",
    ),
    (
        "which orders have no ship notice?",
        """SELECT number, date FROM purchase_orders ANTI JOIN ship_notice_orders USING (number)""",
    ),
    (
        "which results are not normal, of those that came this week?",
        """SELECT code_text, list_first(flags) AS flag, count(*) AS results FROM observation_report_observations
        WHERE list_has_any(flags, ['H', 'HH', 'L', 'LL', 'A', 'AA']) AND received_at > now() - INTERVAL 7 DAY
        GROUP BY ALL""",
    ),
    (
        "which statements do not add up?",
        """SELECT s.number, b.opening, e.moved, b.closing, b.closing - b.opening - e.moved AS missing
        FROM account_statements s
        JOIN (SELECT transfer, set_number, record, any_value(amount) FILTER (kind = 'opening') AS opening,
            any_value(amount) FILTER (kind = 'closing') AS closing
            FROM account_statement_balances GROUP BY ALL) b USING (transfer, set_number, record)
        JOIN (SELECT transfer, set_number, record, sum(amount) AS moved
            FROM account_statement_entries GROUP BY ALL) e USING (transfer, set_number, record)
        WHERE b.opening + e.moved <> b.closing""",
    ),
)
OUR_MAP = """# Our claims desk wants words for how often a claim was sent.
id = "our-837p-1"
extends = "837p.toml"

[loop.2300]
frequency = "CLM05-3 in frequencies"

[words.frequencies]
"1" = "original"
"7" = "replacement"
"8" = "void"
"""


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End by itself, instead of staying up to be tried.")] = False,
    directory: Annotated[Path, typer.Option("--dir", help="Where to make the demo's home; replaced each time.")] = Path(
        "mft-demo"
    ),
) -> None:
    """See it work: partners upload files with a real SFTP client; every step is shown.

    \b
    mft demo            stays up and says what to try next; Ctrl-C ends it
    mft demo --exit     ends by itself
    """
    drop = demo_inbound.drop(directory.absolute())
    if directory.exists():
        if not (directory / _MARK).exists():
            raise NameTaken(f"{directory} exists and is not a demo's: name another directory with --dir")
        shutil.rmtree(directory)
        shutil.rmtree(drop, ignore_errors=True)
    asyncio.run(_play(directory.absolute(), leave=leave))


async def _play(root: Path, *, leave: bool) -> None:
    from mft.cli.init import make_home
    from mft.config import load_config
    from mft.home import find_home
    from mft.server import Server

    begun = time.monotonic()
    make_home(root)
    (root / _MARK).touch()
    home = find_home(root)
    demo_inbound.drop(root).mkdir(exist_ok=True)
    for name in (_CLINIC, _RETAILER, CLEARINGHOUSE, DESK):
        _add_partner(home, name, demo_inbound.partner_says(root, name))
    home.routes.write_text(demo_inbound.ROUTES, encoding="utf-8")
    os.environ["MFT_DOORS__SFTP__LISTEN"] = "127.0.0.1:0"
    receiver = demo_events.Receiver(home)
    receiver.start()
    server = Server(home, load_config(home))
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(stop, server.ask_to_stop)
    await server.start()
    assert server.sftp_address is not None
    print("mft serves {} at sftp://{}:{}".format(short(root), *server.sftp_address))
    client = "OpenSSH sftp" if shutil.which("sftp") else "paramiko (OpenSSH's sftp is not installed)"
    print(f"two partners, {_CLINIC} and {_RETAILER}, upload with {client}\n")
    try:
        for number, scene in enumerate(SCENES, start=1):
            if server.stopping:
                return
            await _act(server, home, number, scene)
            if number == 1:
                print(f"     ({time.monotonic() - begun:.1f} s from an empty directory to the first record)\n")
        await _read_errors(server, home)
        await _ask(server, home)
        await _replay(server, home)
        print("10 and on: files that are not as usual, and who decides about them\n")
        await demo_inbound.play(server, home, 10)
        if not server.stopping:
            await demo_events.play(server, home, receiver, 18)
        if not leave and not server.stopping:
            await asyncio.to_thread(_verify, home, server.config)
            _try_next(server, root)
            await server.wait()
    finally:
        await server.stop()
        receiver.stop()
    if leave:
        _verify(home, server.config)
        print(f"\nthe home stays in {short(root)}; look around: mft transfer list --home {short(root)}")


def _add_partner(home: "Home", name: str, says: dict[str, Any]) -> None:
    import asyncssh

    from mft.clock import new_id
    from partners.connection import Connection, Key, Login
    from partners.load import render

    key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
    folder = home.root / "partners-own-keys"  # In real life these never leave the partner.
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key("openssh"))
    line = key.export_public_key().decode().strip()
    logins = [Login(user=name, keys=[Key(key=line)])]
    connection = Connection.model_validate({"id": new_id(), "name": name, "logins": logins, **says})
    (home.partners / f"{name}.toml").write_text(render(connection), encoding="utf-8")


async def _act(server: "Server", home: "Home", number: int, scene: Scene) -> None:
    said, row = await _put(server, home, scene)
    print(f"{number}. {scene.partner} puts {scene.file}: {scene.what}")
    print(f"     partner saw  {said}")
    await asyncio.to_thread(_tell, home, server.config, row)
    print()


async def _put(server: "Server", home: "Home", scene: Scene) -> tuple[str, Mapping[str, Any]]:
    """Upload a sample, and wait until it has come to rest; returns what the partner saw, and the transfer."""
    folder = resources.files("mft.samples")
    sample = folder / scene.file
    if not sample.is_file():
        sample = folder / "month" / scene.file
    with resources.as_file(sample) as path:
        said = await sftp(server, home, scene.partner, [f"put {path}"])
    row = await rested(server, home, scene.file)
    if row["stage"] != scene.stage:
        raise Broken(
            f"{scene.file} ends as {row['stage']}, not as {scene.stage}: see mft doctor --home {short(home.root)}"
        )
    return said, row


def _tell(home: "Home", config: "Config", row: Mapping[str, Any]) -> None:
    import json

    from mft.cli.options import size
    from mft.installation import open_vault
    from mft.ledger.acknowledgments import acknowledgments_of, public
    from mft.ledger.database import Ledger, reading
    from mft.ledger.objects import sealed_object
    from mft.ledger.outbox import events_of
    from mft.ledger.transfers import parts
    from mft.pipeline.error_report import where
    from parsers.findings import Finding

    vault = open_vault(home)
    with reading(Ledger(home.ledger_url(config.ledger.url))) as books:
        sealed = sealed_object(books, row["object_id"])
        place = "a blob in the ledger" if sealed.blob is not None else f"data/vault/{sealed.id[:2]}/{sealed.id}"
        grown = f"{size(sealed.plain_size)} became {size(sealed.sealed_size)} of AES-256-GCM"
        print(f"     sealed       object {sealed.id}, {place}: {grown}")
        sets = Counter(
            " ".join(filter(None, (part["set_code"], part["version"], part["verdict"])))
            for part in parts(books, "transaction_set", row["id"])
        )
        what = ", ".join(f"{count} × {kind}" for kind, count in sets.items())  # noqa: RUF001  A real times sign.
        print(f"     found        {row['standard']}" + (f": {what}" if what else ""))
        print(f"     stage        {row['stage']}" + (f": {row['reason']}" if row["reason"] else ""))
        for part in parts(books, "finding", row["id"]):
            finding = Finding(**json.loads(part["body"]))
            at = where(finding)
            print(f"     {finding.severity:12} {finding.message}" + (f" ({at})" if at else ""))
            if finding.hint:
                print(f"                  what to do: {finding.hint}")
        records = parts(books, "records", row["id"])
        for part in records:
            ref = f"mft:/transfers/{row['id']}/records/{part['set_position']}@{part['map_version']}"
            print(f"     records      {part['records']} of {part['record_schema']} at {ref}")
        if records:
            reader = vault.open(sealed_object(books, records[0]["object_id"]))
            line = reader.read_at(0, 4096).split(b"\n", 1)[0].decode()
            reader.close()
            print(f"                  {line[:150]}{'…' if len(line) > 150 else ''}")
        for told in map(public, acknowledgments_of(books, row["id"])):
            lies = f"{told['ack_folder']}/{told['ack_name']}"
            print(f"     answered     {' '.join(told['kinds'])}, {told['verdict']}: {lies} waits for the partner")
        types = [event["type"].removeprefix("mft.").removesuffix(".v1") for event in events_of(books, row["id"])]
        counted = {kind: types.count(kind) for kind in types}
        print("     events       " + ", ".join(f"{n} {k}" if n > 1 else k for k, n in counted.items()))


async def _read_errors(server: "Server", home: "Home") -> None:
    inbox = home.root / "partners-own-downloads"
    inbox.mkdir(exist_ok=True)
    said = await sftp(server, home, _CLINIC, ["cd /errors", "ls -1", f"lcd {inbox}", "get claims-cut-off*"])
    print(f"7. {_CLINIC} looks into /errors, and fetches what was wrong with the file that was cut off")
    print(f"     partner saw  {said}")
    for path in sorted(inbox.iterdir()):
        for line in path.read_text(encoding="utf-8").splitlines():
            print(f"       | {line}")
    print()


async def _ask(server: "Server", home: "Home") -> None:
    print("8. the month goes on, and its records are asked five questions")
    for scene in MONTH:
        await _put(server, home, scene)
        print(f"     {scene.partner} puts {scene.file}: {scene.what}")
    for question, statement in QUESTIONS:
        if not server.stopping:
            print(f"\n     {question}")
            await run_mft(home, "records", "query", " ".join(statement.split()))
    print()


async def _replay(server: "Server", home: "Home") -> None:
    if server.stopping:
        return
    path = home.root / "our-837p.toml"
    path.write_text(OUR_MAP, encoding="utf-8")
    print("9. a map changes: the month is replayed through it, first to see what would be different")
    await run_mft(home, "transfer", "replay", "--since", "30d", "--map", str(path), "--dry-run")
    print("     and then for good; the old records stay where they were")
    await run_mft(home, "transfer", "replay", "--since", "30d", "--map", str(path))
    print()


def _verify(home: "Home", config: "Config") -> None:
    from mft.audit.verify import verify_log
    from mft.crypto.signing import VerifyKey
    from mft.ledger.database import Ledger, reading

    with reading(Ledger(home.ledger_url(config.ledger.url))) as books:
        verified = verify_log(books, [VerifyKey.load(home.verify_key)])
    print("mft audit verify")
    print(f"     yes: {verified.leaves:,} leaves are as they were written, under {verified.checkpoints} checkpoints")


def _try_next(server: "Server", root: Path) -> None:
    assert server.sftp_address is not None
    host, port = server.sftp_address
    home = short(root)
    print(
        f"""
it stays up. In another terminal:
     sftp -i {home}/partners-own-keys/{_CLINIC} -P {port} {_CLINIC}@{host}
     mft transfer list --home {home}
     mft transfer show ID --home {home}
     mft audit tail --follow --home {home}
     mft events tail --follow --home {home}
Ctrl-C ends it.""",
        file=sys.stdout,
        flush=True,
    )
