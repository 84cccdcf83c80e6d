"""Type checkers accept the package, its tests and a program that uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import reprise_genome

#: A program of a user: what each call returns is declared.
PROGRAM = """
from typing import Any
import numpy as np
from numpy.typing import NDArray
import reprise_genome as reprise

def program(path: str) -> None:
    with reprise.open(path, cache_size="512M", threads=4) as index:
        k: int = index.k
        names: tuple[str, ...] = index.contigs.names
        counts: NDArray[Any] = index.counts(["ACGT"])
        more: NDArray[Any] = index.counts(reprise.windows("ACGTACGT", k), other_letters="zero")
        offsets, contig, start, strand = index.positions(["ACGT"])
        ends: NDArray[np.int64] = offsets[1:]
        profile: NDArray[Any] = index.profile("chr1:1-20000")
        bases: str = index.fetch("chr1", 0, 100)
        frequencies, kmers = index.spectrum()
        for seed in index.seeds(limit=10):
            text: str = seed.kmer
        hits: reprise.Records = index.hits({"a": "ACGT"})
        hits = index.annotate("library.fa", progress=lambda phase, done, total: print(phase, done, total))
    report: reprise.BuildReport = reprise.build_index("genome.fa", "genome.reprise", progress=True)
    summary: dict[str, Any] = reprise.detect("genome.fa", "out", tandem=True, library=["a.fa", "b.fa"])
    try:
        reprise.open("no index")
    except reprise.DamagedError as error:
        code: int = error.exit_code
"""


def checker(name: str) -> str:
    path = Path(sys.executable).parent / name
    if not path.exists():
        # Set by .ci/run: a test that lacks a program fails.
        assert os.environ.get("REPRISE_REQUIRE_TOOLS") != "1", f"{name} is not installed"
        pytest.skip(f"{name} is not installed")
    return str(path)


def check(command: list[str], folder: Path) -> None:
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return str(path)


def test_mypy_accepts_the_package(program: str, tmp_path: Path) -> None:
    mypy = [checker("mypy"), "--strict", "--cache-dir", str(tmp_path / "cache")]
    check([*mypy, program], tmp_path)
    check([*mypy, "--package", "reprise_genome"], tmp_path)


def test_pyright_accepts_the_package(program: str, tmp_path: Path) -> None:
    package = str(Path(reprise_genome.__file__).parent)
    check([checker("pyright"), "--pythonpath", sys.executable, program, package], tmp_path)
