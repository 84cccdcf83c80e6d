"""The snippets of Python in the documents run, on a simulated genome."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Run

import reprise_genome as reprise

#: The default length of k-mers in a genome of `BASES` bases, which is that of a snippet.
K, BASES = 12, 1_200_000
ROOT = Path(__file__).resolve().parents[2]
SNIPPETS = [
    pytest.param(snippet, id=f"{name}-{number}")
    for name in ("README.md", "python/README.md", "docs/python.md")
    for number, snippet in enumerate(re.findall(r"^```python\n(.*?)^```$", (ROOT / name).read_text(), re.M | re.S))
]


def test_every_document_has_snippets() -> None:
    assert {"README.md-0", "python/README.md-0", "docs/python.md-1"} <= {snippet.id for snippet in SNIPPETS}


@pytest.fixture
def inputs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the snippets name, in the current folder."""
    run("simulate", "-o", tmp_path / "simulated", "--bases", BASES, "--families", 3).check_returncode()
    run("demo", "-o", tmp_path, "-q").check_returncode()
    genome, library = ((tmp_path / "simulated" / name).read_bytes() for name in ("genome.fa", "library.fa"))
    for name in ("genome.fa", "genome.fa.gz"):
        (tmp_path / name).write_bytes(genome)
    for name in ("library.fa", "repeats.fa", "reads.fa"):
        (tmp_path / name).write_bytes(library)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cluster of this machine in place of one at the address of a snippet."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        connect = distributed.Client
        monkeypatch.setattr(distributed, "Client", lambda _address: connect(cluster))
        yield


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_run(snippet: str, inputs: Path, request: pytest.FixtureRequest) -> None:
    for module in ("pandas", "polars"):
        if f"to_{module}" in snippet:
            pytest.importorskip(module)
    if "scheduler" in snippet:
        request.getfixturevalue("cluster")
        # The other snippets build this index.
        reprise.build_index("genome.fa", "genome.reprise")
    letters = "".join((inputs / "library.fa").read_text().split("\n")[1:4])
    kmers = [letters[at : at + K] for at in range(50)]
    exec(snippet, {"kmers": kmers, "letters": letters})
