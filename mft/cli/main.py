"""`mft`: the command line. A file for each command; here they are put together, and errors become exit codes."""

import io
import os
import sys
from collections.abc import Mapping
from typing import Annotated, Final

import typer
from typer import exceptions as usage

import mft
from mft import errors
from mft.cli import (
    ack,
    alerts,
    audit,
    backup,
    demo,
    doctor,
    events,
    find,
    hold,
    identify,
    imports,
    init,
    keys,
    parse,
    partner,
    records,
    restore,
    retention,
    route,
    serve,
    transfer,
    validate,
    vault,
)

FINE, WRONG_DATA, USAGE, REFUSED, FAILED = 0, 1, 2, 3, 4

EXIT_CODES: Final[Mapping[type[errors.MFTError], int]] = {
    errors.BadConfig: USAGE,
    errors.Refused: REFUSED,
    errors.Malformed: WRONG_DATA,
    errors.Duplicate: REFUSED,
    errors.Missing: REFUSED,
    errors.Busy: REFUSED,
    errors.AuditMismatch: WRONG_DATA,
    errors.Broken: FAILED,
    errors.MFTError: FAILED,
}

_PATHS = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)

app = typer.Typer(
    name="mft",
    help="Managed file transfer and EDI: partner files in, sealed, audited, parsed, announced.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `mft demo`. Exit codes: 0 fine, 1 wrong in the data, 2 usage, 3 refused, 4 our own failure.",
)
app.command()(demo.demo)
app.command()(init.init)
app.command()(serve.serve)
app.command()(doctor.doctor)
app.command()(backup.backup)
app.command()(restore.restore)
app.add_typer(partner.app, name="partner")
app.add_typer(imports.app, name="import")
app.command()(identify.identify)
app.command()(parse.parse)
app.command()(validate.validate)
app.add_typer(transfer.app, name="transfer")
app.add_typer(hold.app, name="hold")
app.add_typer(route.app, name="route")
app.command()(find.find)
app.add_typer(records.app, name="records")
app.add_typer(ack.app, name="ack")
app.add_typer(audit.app, name="audit")
app.add_typer(vault.app, name="vault")
app.add_typer(retention.app, name="retention")
app.add_typer(alerts.app, name="alerts")
app.add_typer(events.app, name="events")
app.add_typer(keys.app, name="keys")


def _version(asked: bool) -> None:
    if asked:
        print(f"mft {mft.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Managed file transfer and EDI: partner files in, sealed, audited, parsed, announced."""


def exit_code(error: errors.MFTError) -> int:
    """The exit code of an error: its own kind's, else the nearest kind above it."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def main() -> None:
    """Run a command; every error ends here as one message and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A file's name may be bytes that are no text.
    try:
        code = app(prog_name="mft", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else FINE)
    except usage.Exit as ended:
        sys.exit(ended.exit_code)
    except (usage.Abort, KeyboardInterrupt):
        sys.exit(130)
    except usage.TyperException as error:
        show = getattr(error, "show", None)
        if show is not None:
            show()
        else:
            print(f"mft: {error}", file=sys.stderr)
        sys.exit(USAGE)
    except errors.MFTError as error:
        print(f"mft: {error}", file=sys.stderr)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FINE)
    except _PATHS as error:
        print(f"mft: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(REFUSED)
    except Exception as error:
        if os.environ.get("MFT_DEBUG"):
            raise
        print(
            f"mft: this is a fault of mft itself ({type(error).__name__}); "
            "please report it with the output of the same command under MFT_DEBUG=1",
            file=sys.stderr,
        )
        sys.exit(FAILED)
