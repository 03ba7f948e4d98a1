"""`mft import`: what comes over from another system, all of it or nothing."""

import typer

from mft.cli import import_keys, import_numbers, import_partners

app = typer.Typer(
    help="From another system: host-key, authorized-keys, partners, control-numbers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="See docs/migrating.md. Each takes --dry-run, and imports all of its file or nothing.",
)
app.command("host-key")(import_keys.host_key)
app.command("authorized-keys")(import_keys.authorized_keys)
app.command("partners")(import_partners.partners)
app.command("control-numbers")(import_numbers.control_numbers)
