"""Builds: the bytes of the command, progress, and what an interrupted build leaves."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from conftest import K, REPEAT, Genome, Run

import reprise_genome as reprise

#: Builds an index and prints a line when the work has begun.
SCRIPT = """
import signal
import sys
import reprise_genome as reprise

# A shell starts jobs in the background with this signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def progress(phase, done, total):
    print(phase, flush=True)
    {then}

reprise.build_index(sys.argv[1], sys.argv[2], k=17, progress=progress)
"""


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_build_makes_the_bytes_of_the_command(
    genome: Genome, fasta: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    report = reprise.build_index(fasta, tmp_path / "a.reprise", k=K, min_frequency=2, max_frequency=50, threads=2)
    assert run("build-index", fasta, "-o", tmp_path / "b.reprise", "-k", K, "--max-frequency", 50).returncode == 0
    assert files(tmp_path / "a.reprise") == files(tmp_path / "b.reprise")
    spectrum = genome.spectrum()
    assert report == reprise.BuildReport(
        path=str(tmp_path / "a.reprise"),
        k=K,
        contigs=len(genome.contigs),
        bases=sum(map(len, genome.contigs.values())),
        distinct_kmers=sum(spectrum.values()),
        repeated_kmers=sum(kmers for count, kmers in spectrum.items() if count > 1),
        stored_kmers=sum(kmers for count, kmers in spectrum.items() if 1 < count <= 50),
        positions=sum(count * kmers for count, kmers in spectrum.items() if 1 < count <= 50),
        size=sum(len(data) for name, data in files(tmp_path / "a.reprise").items() if name != "manifest.json"),
        passes=report.passes,
    )


def test_the_index_is_named_after_the_genome(
    genome: Genome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = genome.write(tmp_path / "one.fa")
    other = tmp_path / "two.fa"
    other.write_text(f">chr1\n{REPEAT}\n")
    report = reprise.build_index([first, other], prefix_names=True)
    with reprise.open(report.path) as index:
        assert index.contigs.names == ("one_chr1", "one_chr2", "one_tiny", "two_chr1")
    assert reprise.build_index([first, other], prefix_names=True, force=True, k=9).k == 9


def test_progress_is_reported(fasta: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[str, int, int | None]] = []
    reprise.build_index(fasta, tmp_path / "a.reprise", k=K, progress=lambda *call: calls.append(call))
    # The last phase is always reported, the others if the build takes longer.
    assert calls[-1][0] == "publishing"
    for _, done, total in calls:
        assert total is None or 0 <= done <= total
    reprise.build_index(fasta, tmp_path / "b.reprise", k=K, progress=True)
    shown = capfd.readouterr()
    assert "publishing" in shown.err and shown.out == ""


def test_notices_are_warnings(tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    fasta.write_text(f">\n>chr1\n{REPEAT}\n")
    with pytest.warns(reprise.RepriseWarning, match="without name"):
        reprise.build_index(fasta, tmp_path / "a.reprise", k=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(reprise.RepriseWarning), reprise.open(tmp_path / "a.reprise") as index:
            index.hits({"short": "ACGTA"})


def test_an_exception_of_a_callback_ends_the_build(large: Path, tmp_path: Path) -> None:
    def stop(phase: str, done: int, total: int | None) -> None:
        raise ZeroDivisionError(phase)

    target = tmp_path / "a.reprise"
    with pytest.raises(ZeroDivisionError):
        reprise.build_index(large, target, k=K, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome whose build takes long enough to be interrupted: much longer than the time between two reports."""
    path = tmp_path_factory.mktemp("large") / "large.fa"
    path.write_text(">chr1\n" + "".join(random.Random(3).choices("ACGT", k=6_000_000)) + "\n")
    return path


def test_an_interrupt_ends_a_build_and_leaves_nothing(large: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.reprise"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(then="pass"), str(large), str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    # The build has begun.
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors and "panicked" not in errors, errors
    assert list(tmp_path.iterdir()) == []


def test_a_killed_build_leaves_nothing_at_the_target(large: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.reprise"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(then="pass"), str(large), str(target)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not target.exists()
    # What a killed build has written, the next one removes.
    report = reprise.build_index(large, target, k=K)
    assert report.bases == 6_000_000
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    with reprise.open(target) as index:
        assert index.fetch("chr1", 0, 10) == large.read_text()[6:16]
