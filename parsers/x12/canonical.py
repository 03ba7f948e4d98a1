"""Which map makes which records of which set; a set without a map is unsupported, never silently empty."""

from collections.abc import Callable

from parsers.findings import Location
from parsers.records import Map
from parsers.x12.delimiters import Delimiters
from parsers.x12.professional_claims import ProfessionalClaims
from parsers.x12.purchase_orders import PurchaseOrders

MakeMap = Callable[[Delimiters, Location], Map]
MAPS: tuple[tuple[str, tuple[str, ...], MakeMap], ...] = (
    ("837", ("005010X222", "004010X098"), ProfessionalClaims),
    ("850", ("",), PurchaseOrders),
)
"""Set, the beginnings of the versions it covers, map. An empty beginning covers every version."""


def open_map(set_id: str, version: str, delimiters: Delimiters, place: Location) -> Map | None:
    for mapped, versions, make in MAPS:
        if set_id == mapped and version.startswith(versions):
            return make(delimiters, place)
    return None
