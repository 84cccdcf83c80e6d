"""The whole analysis of a genome, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run

import reprise_genome as reprise


@pytest.fixture(scope="module")
def simulated(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "one"
    run("simulate", "-o", folder, "--bases", 100_000, "--families", 3).check_returncode()
    return folder


def test_detect_makes_the_files_of_the_command(
    run: Run, simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.chdir(tmp_path)
    summary = reprise.detect(simulated / "genome.fa", "a", tandem=True, threads=2, formats=["bed", "tsv"], plots=None)
    run("detect", simulated / "genome.fa", "-o", "b", "--tandem", "--formats=bed", "--formats=tsv").check_returncode()
    names = {path.name for path in Path("a").iterdir()}
    assert names == {path.name for path in Path("b").iterdir()}
    assert {"families.fa", "repeats.bed", "repeats.tsv", "masked.fa.gz", "report.html"} <= names
    for name in ("families.fa", "repeats.bed", "repeats.tsv"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()
    assert summary["written_by"] == f"reprise {reprise.__version__}"
    assert summary["genome"]["bases"] > 90_000 and "masked_bases" in summary


def test_errors_of_detect_are_exceptions(simulated: Path, tmp_path: Path) -> None:
    genome = simulated / "genome.fa"
    with pytest.raises(reprise.UsageError, match="unexpected argument '--no-such-option'"):
        reprise.detect(genome, tmp_path / "a", no_such_option=True)
    with pytest.raises(reprise.UsageError, match="needs|requires|required"):
        reprise.detect(genome, tmp_path / "a", library_only=True)
    with pytest.raises(reprise.SystemCallError, match="missing.fa"):
        reprise.detect(tmp_path / "missing.fa", tmp_path / "a")
    broken = tmp_path / "broken.fa"
    broken.write_text("no FASTA\n")
    with pytest.raises(reprise.InputError, match="broken.fa, line 1"):
        reprise.detect(broken, tmp_path / "a")
    with pytest.raises(reprise.ResourceError, match="memory"):
        reprise.detect(genome, tmp_path / "a", max_memory="1M")


def test_an_interrupt_ends_detect(simulated: Path, tmp_path: Path) -> None:
    script = "import sys, reprise_genome as r; r.detect(sys.argv[1], sys.argv[2], progress=True, low_memory=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(simulated / "genome.fa"), str(tmp_path / "a")],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    # The command has begun to work.
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    errors = first + process.stderr.read()
    process.wait()
    assert process.returncode != 0 and "KeyboardInterrupt" in errors, errors
    # Nothing unfinished is left, and a run that is started again goes on.
    assert not [path for path in (tmp_path / "a").iterdir() if path.name.startswith(".")]
    reprise.detect(simulated / "genome.fa", tmp_path / "a", low_memory=True)
