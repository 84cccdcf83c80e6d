"""Look-ups against a dictionary of the genome's k-mers; dtypes and shapes of every array."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest
from conftest import K, Genome, Place, random_letters, reverse_complement

import reprise_genome as reprise


def asked_of(genome: Genome) -> list[str]:
    """K-mers of the genome on both strands, neighbours of them, and random ones."""
    source = random.Random(2)
    kmers = source.sample(genome.kmers(), 3_000)
    near = [kmer[:4] + source.choice("ACGT") + kmer[5:] for kmer in kmers]
    absent = [random_letters(source, K) for _ in range(500)]
    return [("ACG" * 6)[:K]] + kmers + [reverse_complement(kmer) for kmer in kmers] + near + absent


def places(found: reprise.Positions, number: int) -> list[Place]:
    here = slice(found.offsets[number], found.offsets[number + 1])
    columns = (found.contig[here], found.start[here], found.strand[here])
    return [Place(int(c), int(s), int(d)) for c, s, d in zip(*columns)]


def test_counts_are_those_of_a_dictionary(genome: Genome, index_path: Path) -> None:
    asked = asked_of(genome)
    expected = [genome.count(kmer) for kmer in asked]
    assert max(expected) > 10 and 0 in expected
    rows = np.frombuffer("".join(asked).encode(), dtype=np.uint8).reshape(-1, K)
    with reprise.open(index_path) as index:
        assert index.k == K
        forms = [
            asked,
            [kmer.encode() for kmer in asked],
            [kmer.lower() for kmer in asked],
            rows,
            np.asfortranarray(rows),
            np.repeat(rows, 2, axis=0)[::2],
            np.array(asked, dtype=f"S{K}"),
            np.array(asked),
            np.array(asked, dtype=object),
        ]
        for form in forms:
            counts = index.counts(form)
            assert (counts.dtype, counts.shape) == (np.uint32, (len(asked),))
            assert counts.tolist() == expected


def test_counts_of_windows_are_those_of_their_rows(genome: Genome, index_path: Path) -> None:
    letters = genome.contigs["chr1"]
    windows = reprise.windows(letters, K)
    assert (windows.dtype, windows.shape) == (np.uint8, (len(letters) - K + 1, K))
    expected = [genome.count(letters[at : at + K]) for at in range(len(windows))]
    with reprise.open(index_path, threads=2) as index:
        for form in (windows, windows.copy()):
            counts = index.counts(form, other_letters="zero")
            assert counts.dtype == np.uint32
            assert counts.tolist() == expected
        # Many batches on several threads.
        many = np.tile(windows, (8, 1))
        assert len(many) > 1 << 17
        assert np.array_equal(index.counts(many, other_letters="zero"), np.tile(np.array(expected, np.uint32), 8))


def test_positions_are_those_of_a_dictionary(genome: Genome, index_path: Path) -> None:
    asked = asked_of(genome) + [("ACG" * 6)[:K]] * 500
    with reprise.open(index_path, threads=2) as index:
        found = index.positions(asked)
        offsets, contig, start, strand = found
        total = int(offsets[-1])
        assert (offsets.dtype, offsets.shape) == (np.int64, (len(asked) + 1,))
        assert (contig.dtype, contig.shape) == (np.uint32, (total,))
        assert (start.dtype, start.shape) == (np.uint64, (total,))
        assert (strand.dtype, strand.shape) == (np.int8, (total,))
        assert total > 2 << 16, "several threads fill the arrays"
        assert np.array_equal(np.diff(offsets), index.counts(asked))
        for number, kmer in enumerate(asked):
            assert places(found, number) == genome.places(kmer), kmer


def test_filters_of_the_index_apply(genome: Genome, repeats_path: Path) -> None:
    asked = asked_of(genome)
    with reprise.open(repeats_path) as index:
        assert (index.min_frequency, index.max_frequency, index.max_positions) == (2, None, 3)
        counts = index.counts(asked)
        assert counts.tolist() == [count if count > 1 else 0 for count in map(genome.count, asked)]
        found = index.positions(asked)
        assert np.array_equal(np.diff(found.offsets), np.minimum(counts, 3))
        for number, kmer in enumerate(asked):
            assert set(places(found, number)) <= set(genome.places(kmer))


def test_empty_look_ups_are_empty(index_path: Path) -> None:
    with reprise.open(index_path) as index:
        empty: list[str] = []
        for form in (empty, np.empty((0, K), np.uint8), np.empty(0, f"S{K}"), reprise.windows("ACG", K)):
            assert index.counts(form).shape == (0,)
            found = index.positions(form)
            assert found.offsets.tolist() == [0]
            assert found.start.shape == (0,)
        assert index.profile("tiny").shape == (0,)


def test_a_profile_has_every_kmer_of_a_region(genome: Genome, index_path: Path) -> None:
    with reprise.open(index_path) as index:
        for region, contig, first, end in [
            ("chr1:4,901-9000", "chr1", 4_900, 9_000),
            ("chr2", "chr2", 0, len(genome.contigs["chr2"])),
            ("chr1:100-111", "chr1", 99, 111),
            ("chr1:100-112", "chr1", 99, 112),
        ]:
            letters = genome.contigs[contig][first:end]
            profile = index.profile(region)
            assert profile.dtype == np.uint32
            assert profile.tolist() == [genome.count(letters[at : at + K]) for at in range(len(letters) - K + 1)]


def test_bases_are_those_of_the_input(genome: Genome, index_path: Path) -> None:
    with reprise.open(index_path) as index:
        for name, letters in genome.contigs.items():
            assert index.fetch(name) == letters
        assert index.fetch("chr1", 4_990, 5_060) == genome.contigs["chr1"][4_990:5_060]
        assert index.fetch("chr1", 7, 7) == ""


def test_contigs_and_spectrum(genome: Genome, index_path: Path) -> None:
    with reprise.open(index_path) as index:
        contigs = index.contigs
        assert contigs.names == tuple(genome.contigs)
        assert contigs.lengths.dtype == np.uint64
        assert contigs.lengths.tolist() == [len(letters) for letters in genome.contigs.values()]
        m5 = [hashlib.md5(letters.upper().encode()).hexdigest() for letters in genome.contigs.values()]
        assert contigs.m5 == tuple(m5)
        assert index.bases == sum(map(len, genome.contigs.values()))
        frequencies, kmers = index.spectrum()
        assert (frequencies.dtype, kmers.dtype) == (np.uint64, np.uint64)
        assert frequencies.shape == kmers.shape
        assert frequencies.tolist() == sorted(frequencies.tolist())
        assert dict(zip(frequencies.tolist(), kmers.tolist())) == genome.spectrum()
        assert index.stored_kmers == int(kmers.sum())


def test_seeds_fall_in_frequency(genome: Genome, index_path: Path) -> None:
    with reprise.open(index_path) as index:
        seeds = list(index.seeds())
        assert len(seeds) == index.seed_count == sum(n for count, n in genome.spectrum().items() if count > 1)
        frequencies = [seed.frequency for seed in seeds]
        assert frequencies == sorted(frequencies, reverse=True)
        for kmer, frequency in seeds[::50]:
            assert frequency == genome.count(kmer)
            assert kmer == min(kmer, reverse_complement(kmer))
        assert list(index.seeds(limit=10)) == seeds[:10]
        assert list(index.seeds(limit=0)) == []


def test_small_caches_change_nothing(genome: Genome, index_path: Path) -> None:
    asked = asked_of(genome)
    with reprise.open(index_path, cache_size=0) as small, reprise.open(index_path, populate=True) as large:
        assert np.array_equal(small.counts(asked), large.counts(asked))


