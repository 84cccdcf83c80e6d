"""The commands over a cluster of Dask make the bytes of one run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

import reprise_genome as reprise
from reprise_genome import dask


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def simulated(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "one"
    run("simulate", "-o", folder, "--bases", 100_000, "--families", 3).check_returncode()
    run("build-index", folder / "genome.fa", "-o", folder / "genome.reprise").check_returncode()
    return folder


def test_alignments(client: Any, simulated: Path, run: Run, tmp_path: Path) -> None:
    index, sequences = simulated / "genome.reprise", simulated / "library.fa"
    run("query", index, sequences, "--hits", "--max-e-value=1e-9", "-o", tmp_path / "one").check_returncode()
    dask.query(client, index, sequences, tmp_path / "parts", shards=3, max_e_value=1e-9)
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "one").read_bytes() != b""
    with pytest.raises(reprise.UsageError, match="exists"):
        dask.query(client, index, sequences, tmp_path / "parts", shards=3)
    dask.query(client, index, sequences, tmp_path / "parts", shards=1, force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"one", "parts"}


def test_annotation(client: Any, simulated: Path, run: Run, tmp_path: Path) -> None:
    index, library = simulated / "genome.reprise", simulated / "library.fa"
    formats = "--formats=gff3,tsv"
    run("annotate", index, "--library", library, formats, "-o", tmp_path / "one").check_returncode()
    dask.annotate(client, index, library, tmp_path / "parts", shards=4, formats=["gff3", "tsv"])
    for end in ("gff3", "tsv"):
        assert (tmp_path / f"parts.{end}").read_bytes() == (tmp_path / f"one.{end}").read_bytes() != b""


def test_detect(
    client: Any, simulated: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    summary = dask.detect(client, simulated / "genome.fa", tmp_path / "parts", shards=2, tandem=True)
    run("detect", simulated / "genome.fa", "-o", tmp_path / "one", "--tandem").check_returncode()
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert {path.name for path in (tmp_path / "parts").iterdir()} == names
    for name in ("families.fa", "repeats.out", "repeats.gff3", "masked.fa.gz"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert summary["genome"]["bases"] > 90_000


def test_errors_are_those_of_the_command(client: Any, simulated: Path, tmp_path: Path) -> None:
    index = simulated / "genome.reprise"
    with pytest.raises(reprise.SystemCallError, match="missing.fa"):
        dask.annotate(client, index, tmp_path / "missing.fa", tmp_path / "parts", shards=2)
    with pytest.raises(reprise.UsageError, match="at least one part"):
        dask.query(client, index, simulated / "library.fa", tmp_path / "parts", shards=0)
    assert list(tmp_path.iterdir()) == []
