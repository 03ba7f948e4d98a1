"""Which map makes which records of which message; a message without a map is unsupported, never silently empty."""

from parsers.findings import Location
from parsers.hl7.delimiters import Delimiters
from parsers.hl7.patient_events import PatientEvents
from parsers.records import Map


def open_map(message_type: str, _version: str, delimiters: Delimiters, place: Location) -> Map | None:
    """ADT is mapped whatever its trigger event."""
    return PatientEvents(delimiters, place) if message_type[:3] == "ADT" else None
