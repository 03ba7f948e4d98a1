"""What pyx12 says of a file: its verdict on each set, and each error with the place."""

import io
import json
import logging
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pyx12.params
import pyx12.x12n_document


class Said(NamedTuple):
    """Attributes:
    position: of the segment in its set, from 1; 0 for the whole set.
    element, component: from 1; 0 where the whole segment is meant.
    code: of AK304 or AK403.
    """

    position: int
    element: int
    component: int
    code: str


class Judged(NamedTuple):
    accepted: bool
    said: frozenset[Said]


def judge(data: bytes) -> list[Judged] | None:
    """Each set of a file in its order; None when pyx12 gives the whole file up."""
    logging.disable(logging.CRITICAL)
    out = io.StringIO()
    with tempfile.NamedTemporaryFile(suffix=".edi", delete=False) as file:
        file.write(data)
    try:
        pyx12.x12n_document.x12n_document(pyx12.params.params(), file.name, fd_997=None, fd_html=None, fd_json=out)
        report = json.loads(out.getvalue())
    except Exception:  # noqa: BLE001  It gives up in many ways.
        return None
    finally:
        Path(file.name).unlink()
        logging.disable(logging.NOTSET)
    return [
        _set(one)
        for interchange in report["interchanges"]
        for group in interchange["groups"]
        for one in group["transactions"]
    ]


def _set(one: dict[str, Any]) -> Judged:
    said = {Said(0, 0, 0, error["err_cde"]) for error in one["errors"]}
    for segment in one["segments"]:
        place = segment["seg_count"]
        said |= {Said(place, 0, 0, error["err_cde"]) for error in segment["errors"] if error["err_cde"] != "8"}
        for element in segment["elements"]:
            at = (int(element["ele_pos"] or 0), int(element["subele_pos"] or 0))
            said |= {Said(place, *at, error["err_cde"]) for error in element["errors"]}
    return Judged(one["ack_code"] == "A", frozenset(said))
