"""The command that the wheel installs, and that the package agrees with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from conftest import REPEAT, Genome, Run

import reprise_genome as reprise


def rows_of(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_the_command_is_installed(run: Run) -> None:
    version = run("--version")
    assert version.stdout == f"reprise {reprise.__version__}\n"
    as_module = subprocess.run(
        [sys.executable, "-m", "reprise_genome", "--version"], capture_output=True, text=True, check=True
    )
    assert as_module.stdout == version.stdout


def test_the_command_returns_its_exit_codes(run: Run, index_path: Path, tmp_path: Path) -> None:
    for arguments, code in [
        (("info", index_path), 0),
        (("info", "--no-such-flag"), 2),
        (("query", index_path, "--region", "chr9"), 3),
        (("info", tmp_path), 4),
        (("info", tmp_path / "missing"), 1),
    ]:
        assert run(*arguments).returncode == code, arguments


def test_look_ups_agree_with_the_command(run: Run, genome: Genome, index_path: Path) -> None:
    kmers = genome.kmers()[:200]
    lines = rows_of(run("query", index_path, "--positions", "--kmer", *kmers).stdout)
    with reprise.open(index_path) as index:
        counts = index.counts(kmers)
        found = index.positions(kmers)
        names = index.contigs.names
        for number, (kmer, row) in enumerate(zip(kmers, lines)):
            assert (kmer, int(row[1])) == (row[0], counts[number])
            here = range(found.offsets[number], found.offsets[number + 1])
            places = [f"{names[found.contig[at]]}:{found.start[at]}:{'+-'[int(found.strand[at] < 0)]}" for at in here]
            assert row[2].split(",") == places

        profile = rows_of(run("query", index_path, "--per-kmer", "--region", "chr2:101-3000").stdout)
        frequencies = index.profile("chr2:101-3000")
        starts = np.array([int(row[1]) for row in profile])
        assert frequencies[starts - starts[0]].tolist() == [int(row[2]) for row in profile]

        spectrum = [tuple(map(int, line.split())) for line in run("spectrum", index_path).stdout.splitlines()]
        assert spectrum == list(zip(*(column.tolist() for column in index.spectrum())))


def test_searches_agree_with_the_command(run: Run, index_path: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.fa"
    library.write_text(f">long#SINE/Alu\n{REPEAT}\n>short\n{REPEAT[100:250]}\n")
    with reprise.open(index_path) as index:
        hits = index.hits(library)
        paf = rows_of(run("query", index_path, library, "--hits").stdout)
        assert len(paf) == len(hits) > 20
        names = (hits.query_names, hits.contig_names)
        rows = sorted(
            (names[0][q], str(a), str(b), "+-"[int(d < 0)], names[1][c], str(s), str(e))
            for q, a, b, d, c, s, e in zip(
                *(hits[field].tolist() for field in ("query", "query_start", "query_end", "strand", "contig", "start", "end"))
            )
        )
        assert rows == sorted((r[0], r[2], r[3], r[4], r[5], r[7], r[8]) for r in paf)

        for tandem in (True, False):
            copies = index.annotate(library, tandem=tandem)
            flags = [] if tandem else ["--no-tandem"]
            table = rows_of(run("annotate", index_path, "--library", library, "--formats", "tsv", *flags).stdout)
            columns = dict(zip(table[0], zip(*table[1:])))
            assert len(table) - 1 == len(copies) > 10
            assert copies["start"].tolist() == [int(start) for start in columns["start"]]
            assert copies["end"].tolist() == [int(end) for end in columns["end"]]
            assert copies["id"].tolist() == [int(number) for number in columns["id"]]
            assert copies["score"].tolist() == [int(score) for score in columns["score"]]
            families = [copies.query_names[number].split("#")[0] for number in copies["query"].tolist()]
            assert families == list(columns["family"])
            assert [copies.contig_names[number] for number in copies["contig"]] == list(columns["#contig"])
