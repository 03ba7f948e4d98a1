"""A partner's folder as the end of a route: the file is sealed anew, and lies there for them to fetch."""

from pathlib import Path
from typing import Literal

from mft.clock import new_id
from mft.domain import STANDARD, TENANT, Arrival, Principal
from mft.pipeline.deliver import Load, NoRoute, Put, Target
from mft.pipeline.receive import Deposit
from mft.sinks.folder import FolderTarget, numbered
from mft.vault.store import Vault
from partners.load import Directory, Profile
from partners.route import Route

_NUMBERS_MAX = 99


class MailboxTarget:
    """The deposit is committed with the mark that it was delivered: both, or none."""

    def __init__(
        self, vault: Vault, profile: Profile, folder: bytes, *, if_exists: Literal["number", "replace"]
    ) -> None:
        self._vault = vault
        self._profile = profile
        self._folder = folder
        self._numbered = if_exists == "number"

    def put(self, load: Load) -> Put:
        """Raises NoSpace, SyncFailed."""
        about, transfer = load.about, new_id()
        writer = self._vault.writer(TENANT, retention=about["retention"] or STANDARD)
        try:
            for chunk in load.chunks():
                writer.append(chunk)
                writer.flush()
            sealed, sha256 = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        others = (*numbered(load.name, _NUMBERS_MAX), load.name[:200] + b"." + transfer.encode())
        principal = Principal(self._profile.connection.id, "", "", "", self._profile.hash)
        arrival = Arrival(principal, "server", "", "", self._folder, load.name, retention=about["retention"])
        deposit = Deposit(
            transfer,
            arrival,
            sealed,
            sha256,
            parent=about["id"],
            others=others if self._numbered else (),
            standard=about["standard"],
            sets=about["sets"],
            usage=about["usage"],
        )
        return Put(load.name, deposit)


def target_of(route: Route, directory: Directory, *, vault: Vault) -> Target:
    """Raises NoRoute: there is no such partner, or they may not come in."""
    if route.to is not None:
        return FolderTarget(Path(route.to), mode=route.mode_bits, if_exists=route.if_exists)
    profile = directory.named(route.to_partner or "")
    if profile is None or not profile.connection.enabled:
        raise NoRoute(f"the partner that the route {route.name} leads to may not come in")
    kind: Literal["number", "replace"] = "replace" if route.if_exists == "replace" else "number"
    return MailboxTarget(vault, profile, route.to_folder.encode(), if_exists=kind)
