"""`mft serve`: run the server."""

import sys

from mft.cli.options import HomeOption


def serve(home: HomeOption = None) -> None:
    """Run the server until Ctrl-C or SIGTERM. SIGHUP reads the partner files again.

    \b
    mft serve
    MFT_DOORS__SFTP__LISTEN=0.0.0.0:2222 mft serve --home /srv/mft
    """
    import asyncio

    from mft import server
    from mft.cli.access import open_home

    found, config = open_home(home)

    def started(running: server.Server) -> None:
        assert running.sftp_address is not None
        print(f"mft serves {found.root}")
        print("  sftp  {}:{}".format(*running.sftp_address))
        print("  ready; Ctrl-C stops", flush=True)

    failure = asyncio.run(server.serve(found, config, started=started))
    if failure is not None:
        raise failure
    print("stopped", file=sys.stderr)
