"""By which columns people look for a record: numbers of claims, orders, payments, patients."""

from collections.abc import Mapping
from typing import Final

from mft.records.masks import literal

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "claims": ("claim_id",),
    "remittances": ("trace",),
    "remittance_claims": ("claim_id", "payer_claim_id"),
    "enrollments": ("policy",),
    "enrollment_identifiers": ("value",),
    "eligibilities": ("reference",),
    "eligibility_subscriber_traces": ("number",),
    "claim_statuses": ("trace", "payer_claim_id"),
    "authorizations": ("number", "reference"),
    "authorization_traces": ("number",),
    "purchase_orders": ("number",),
    "order_responses": ("number", "order"),
    "ship_notices": ("number",),
    "ship_notice_orders": ("number",),
    "ship_notice_packages": ("id",),
    "invoices": ("number", "order"),
    "patient_events": ("visit_number", "message_id", "appointment_placer_id", "appointment_filler_id"),
    "logistics_orders": ("number", "order"),
    "logistics_events": ("number", "shipment"),
    "patient_event_patient_identifiers": ("value",),
    "observation_reports": ("order_placer_id", "order_filler_id", "document_id"),
    "observation_report_requests": ("placer_id", "filler_id"),
    "observation_report_patient_identifiers": ("value",),
    "payments": ("end_to_end_id", "instruction_id", "transaction_id", "trace", "uetr"),
    "account_statements": ("statement_id", "message_id"),
    "acknowledgments": ("control_number",),
}
"""By view."""


def search_sql(text: str, most: int) -> str:
    """A statement for the records that have a text as one of their keys: where it was found, and which record it is."""
    wanted = literal(text)
    each = [
        f"""SELECT '{view}.{column}' AS found, transfer, partner, received_at, set_number, record, map"""
        f""" FROM {view} WHERE "{column}" = {wanted}"""
        for view, columns in KEYS.items()
        for column in columns
    ]
    return " UNION ALL ".join(each) + f" ORDER BY received_at DESC LIMIT {most}"
