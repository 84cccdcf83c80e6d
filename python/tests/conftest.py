"""A small genome with repeats of every kind, its indexes, and a dictionary of its k-mers."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import reprise_genome as reprise

#: The command that the wheel installed.
COMMAND = Path(sys.executable).parent / "reprise"
#: Bases in a k-mer of the indexes.
K = 17

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def reverse_complement(kmer: str) -> str:
    return kmer.translate(COMPLEMENT)[::-1]


class Place(NamedTuple):
    """A position: number of the contig, start, and the strand on which the k-mer reads."""

    contig: int
    start: int
    strand: int


class Genome:
    """Contigs, and every place of every k-mer of them."""

    def __init__(self, contigs: dict[str, str]) -> None:
        self.contigs = contigs
        self._forward: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, letters in enumerate(contigs.values()):
            upper = letters.upper()
            for start in range(len(upper) - K + 1):
                kmer = upper[start : start + K]
                if set(kmer) <= set("ACGT"):
                    self._forward[kmer].append((number, start))

    def kmers(self) -> list[str]:
        """All k-mers that read forward somewhere."""
        return list(self._forward)

    def places(self, kmer: str) -> list[Place]:
        """Places of a k-mer, ascending."""
        kmer = kmer.upper()
        found = [Place(contig, start, 1) for contig, start in self._forward.get(kmer, [])]
        other = reverse_complement(kmer) if set(kmer) <= set("ACGT") else kmer
        if other != kmer:
            found += [Place(contig, start, -1) for contig, start in self._forward.get(other, [])]
        return sorted(found)

    def count(self, kmer: str) -> int:
        return len(self.places(kmer))

    def spectrum(self) -> dict[int, int]:
        """How many distinct k-mers occur how often."""
        rows: dict[int, int] = defaultdict(int)
        for kmer in {min(kmer, reverse_complement(kmer)) for kmer in self._forward}:
            rows[self.count(kmer)] += 1
        return dict(rows)

    def write(self, path: Path) -> Path:
        with path.open("w") as out:
            for name, letters in self.contigs.items():
                out.write(f">{name} a description\n")
                out.writelines(letters[at : at + 60] + "\n" for at in range(0, len(letters), 60))
        return path


def random_letters(source: random.Random, length: int) -> str:
    return "".join(source.choices("ACGT", k=length))


#: The repeat that the genome has most copies of.
REPEAT = random_letters(random.Random(7), 400)


def diverged(source: random.Random, letters: str, share: float) -> str:
    return "".join(source.choice("ACGT") if source.random() < share else letter for letter in letters)


@pytest.fixture(scope="session")
def genome() -> Genome:
    source = random.Random(1)
    first = random_letters(source, 20_000)
    for _ in range(12):
        copy = diverged(source, REPEAT, 0.05)
        copy = reverse_complement(copy) if source.random() < 0.5 else copy
        first += random_letters(source, 700) + copy
    first = first[:5_000] + "N" * 50 + first[5_000:9_000].lower() + first[9_000:] + "ACG" * 300
    # Long exact copies on both strands.
    second = first[:3_000] + random_letters(source, 4_000) + reverse_complement(first[1_000:4_000].upper())
    return Genome({"chr1": first, "chr2": second, "tiny": "ACGTAC"})


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("genome")


@pytest.fixture(scope="session")
def fasta(genome: Genome, folder: Path) -> Path:
    return genome.write(folder / "genome.fa")


@pytest.fixture(scope="session", params=["sorted-dictionary", "super-kmers"])
def index_path(request: pytest.FixtureRequest, fasta: Path, folder: Path) -> Path:
    """An index of every k-mer, in either layout."""
    path = folder / f"{request.param}.reprise"
    reprise.build_index(fasta, path, k=K, min_frequency=1, layout=request.param)
    return path


@pytest.fixture(scope="session")
def repeats_path(fasta: Path, folder: Path) -> Path:
    """An index of repeated k-mers, with at most three positions of each."""
    path = folder / "repeats.reprise"
    reprise.build_index(fasta, path, k=K, min_frequency=2, max_positions=3)
    return path


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs the command."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMAND), *map(str, arguments)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    return run
