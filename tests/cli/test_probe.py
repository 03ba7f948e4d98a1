import shlex
from pathlib import Path


def test_probe(mft, home):
    out = ""
    for words in Path("/tmp/probe.txt").read_text().split("\n"):
        if not words.strip():
            continue
        d = mft(*shlex.split(words))
        out += f"$ mft {words}\n{d.out[:2500]}\n{d.err[:1500]}-> {d.code}\n"
    Path("/tmp/probe.out").write_text(out)
