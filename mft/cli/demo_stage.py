"""What the demo's stories are played with: the partners' own client, commands of ours beside the server."""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mft.errors import Broken, Busy, Missing

if TYPE_CHECKING:
    from mft.home import Home
    from mft.server import Server

RESTING: Final = frozenset({"done", "incomplete", "rejected", "unsupported", "held", "quarantined"})


async def rested(server: "Server", home: "Home", name: str) -> Mapping[str, Any]:
    """Wait until the newest transfer of that name has come to rest."""
    from mft.ledger.database import Ledger, reading
    from mft.ledger.transfers import transfer_rows

    for _ in range(600):
        if server.stopping:
            raise KeyboardInterrupt
        with reading(Ledger(home.ledger_url(server.config.ledger.url))) as books:
            rows = [row for row in transfer_rows(books) if row["name_bytes"] == name.encode()]
        if rows and rows[0]["stage"] in RESTING:
            return rows[0]
        await asyncio.sleep(0.05)
    raise Busy(f"{name} did not come to rest within 30 seconds: see mft transfer list --home {short(home.root)}")


async def run_mft(home: "Home", *arguments: str) -> None:
    """Run a command of ours beside the server, as an operator would."""
    shown = " ".join(f'"{one}"' if " " in one else one for one in arguments)
    print(f"     $ mft {shown}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from mft.cli.main import main; main()", *arguments, "--home", str(home.root),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    output, _ = await process.communicate()
    for line in output.decode(errors="replace").splitlines():
        print(f"       | {line}")
    if process.returncode:
        raise Broken(f"mft {arguments[0]} {arguments[1]} ended with {process.returncode}: see mft doctor")


async def sftp(server: "Server", home: "Home", partner: str, commands: list[str]) -> str:
    """Run a session of the partner's own client; returns what it saw, in a line."""
    assert server.sftp_address is not None
    host, port = server.sftp_address
    key = home.root / "partners-own-keys" / partner
    if not shutil.which("sftp"):
        return await asyncio.to_thread(_paramiko, host, port, partner, key, commands)
    options = [f"IdentityFile={key}", "IdentitiesOnly=yes", "BatchMode=yes"]
    options += [
        "StrictHostKeyChecking=accept-new",
        f"UserKnownHostsFile={home.root / 'partners-known-hosts'}",
    ]
    arguments = [word for option in options for word in ("-o", option)]
    process = await asyncio.create_subprocess_exec(
        "sftp", "-q", "-F", "none", "-P", str(port), *arguments, "-b", "-", f"{partner}@{host}",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for us.
    )  # fmt: skip
    output, _ = await process.communicate("\n".join(commands).encode() + b"\n")
    seen = [line for line in output.decode(errors="replace").splitlines() if not line.startswith("sftp>")]
    verdict = "ok" if process.returncode == 0 else f"exit code {process.returncode}"
    return " / ".join([*(line.strip() for line in seen if line.strip()), verdict])


def _paramiko(host: str, port: int, partner: str, key: Path, commands: list[str]) -> str:
    try:
        import paramiko
    except ImportError:
        raise Missing("neither OpenSSH's sftp nor paramiko is installed: apt install openssh-client") from None
    import fnmatch

    seen: list[str] = []
    with paramiko.Transport((host, port)) as transport:
        transport.connect(username=partner, pkey=paramiko.Ed25519Key.from_private_key_file(str(key)))
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        local = Path()
        for command in commands:
            verb, _, rest = command.partition(" ")
            if verb == "put":
                client.put(rest, Path(rest).name)
            elif verb == "cd":
                client.chdir(rest)
            elif verb == "lcd":
                local = Path(rest)
            elif verb == "ls":
                seen += client.listdir()
            elif verb == "get":
                for name in fnmatch.filter(client.listdir(), rest):
                    client.get(name, str(local / name))
    return " / ".join([*seen, "ok"])


def short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
