"""`mft audit`: what happened, and the proof that the log of it was not changed."""

import typer

from mft.cli import audit_proof, audit_query, audit_receipt

app = typer.Typer(
    help="The audit log: query, tail, redact, verify, prove, export, checkpoint.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _command in (
    audit_query.query,
    audit_query.tail,
    audit_proof.verify,
    audit_receipt.prove,
    audit_proof.export,
    audit_receipt.checkpoint,
    audit_query.redact,
):
    app.command()(_command)
