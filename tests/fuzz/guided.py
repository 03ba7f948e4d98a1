"""The promises for bytes that grow by what of our code they reach: python -m tests.fuzz.guided [libFuzzer options].

It begins with the samples, the vectors of the hard cases and, where it is at hand, the corpus of real files. A file
that breaks a promise is written to ./crash-*, as libFuzzer does, and the process ends with its traceback.
"""

import sys
import tempfile
from importlib import resources
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["parsers"]):
    import parsers

    for module in parsers.reader.READERS.values():
        __import__(module)

from tests import corpus
from tests.fuzz import promises

_SEED_BYTES_MAX = 8_000
_CORPUS_SEEDS = 400


def seeds() -> list[bytes]:
    """Files to begin with, none of them long."""
    found = [sample.read_bytes() for sample in resources.files("mft.samples").iterdir() if sample.is_file()]
    vectors = Path(__file__).parents[1] / "conformance" / "vectors"
    found += [path.read_bytes() for path in sorted(vectors.rglob("*.vector"))]
    small = [row for row in corpus.ROWS if int(row["bytes"]) < _SEED_BYTES_MAX]
    found += [corpus.data_of(row) for row in small[:: max(len(small) // _CORPUS_SEEDS, 1)]]
    return [data for data in found if len(data) < _SEED_BYTES_MAX]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mft-fuzz-") as folder:
        for number, data in enumerate(seeds()):
            Path(folder, f"seed-{number:04}").write_bytes(data)
        options = [option for option in sys.argv[1:] if option.startswith("-")]
        atheris.Setup([sys.argv[0], f"-max_len={_SEED_BYTES_MAX}", "-timeout=20", *options, folder], promises.hold)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
