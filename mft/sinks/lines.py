"""What sinks that speak to a broker have in common: whom they reach, by which line, with which secret."""

import importlib.util
import logging
import re
import ssl
from pathlib import Path

from mft.crypto.keys import read_key_file
from mft.errors import BadConfig


def need(module: str, extra: str) -> None:
    """A library must be there, and keeps its log to itself: that may hold names and values. Raises BadConfig."""
    if importlib.util.find_spec(module) is None:
        raise BadConfig(f"this sink needs a library that is not installed: pip install 'mft[{extra}]'")
    logger = logging.getLogger(module)
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def token(name: str) -> str:
    """A partner's name as one word of a subject or routing key, which dots and wildcards would part."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name) or "_"


def secret_in(path: str) -> str:
    """A secret's text, or nothing where no file was named. Raises BadConfig."""
    return read_key_file(Path(path), private=True).strip() if path else ""


def tls(ca_file: str) -> ssl.SSLContext:
    """Verified by the authorities that the host trusts, or by one alone. Raises BadConfig: no certificates there."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadConfig(f"{ca_file}: no certificates can be read there: {type(error).__name__}") from None
