"""One index is used by many threads and processes at a time."""

from __future__ import annotations

import multiprocessing
import pickle
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import REPEAT, Genome

import reprise_genome as reprise


def test_eight_threads_use_one_index(genome: Genome, index_path: Path) -> None:
    source = random.Random(5)
    kmers = genome.kmers()
    expected = {kmer: genome.count(kmer) for kmer in kmers}
    # A cache of a page or two, so that the threads evict pages of each other.
    with reprise.open(index_path, cache_size="64K", threads=2) as index:

        def work(number: int) -> None:
            asked = source.sample(kmers, 4_000)
            counts = index.counts(asked)
            assert counts.tolist() == [expected[kmer] for kmer in asked]
            # More than one batch: the threads share the pool.
            many = index.counts(np.array(asked * 10).astype("S"))
            assert np.array_equal(many, np.tile(counts, 10))
            found = index.positions(asked)
            assert np.array_equal(np.diff(found.offsets), counts)
            assert len(index.profile("chr2:1-2000")) == 2_000 - index.k + 1
            assert len(list(index.seeds(limit=100))) == 100
            assert len(index.hits([REPEAT])) > 10
            assert index.fetch("tiny") == genome.contigs["tiny"]

        with ThreadPoolExecutor(8) as pool:
            for outcome in [pool.submit(work, number) for number in range(16)]:
                outcome.result()


def test_builds_run_at_the_same_time(fasta: Path, tmp_path: Path) -> None:
    # Each build waits, in its report of progress, until the other has one too.
    barrier = threading.Barrier(2, timeout=300)

    def build(number: int) -> None:
        waited = False

        def progress(phase: str, done: int, total: int | None) -> None:
            nonlocal waited
            if not waited:
                waited = True
                barrier.wait()

        reprise.build_index(fasta, tmp_path / f"{number}.reprise", k=17, progress=progress)

    with ThreadPoolExecutor(2) as pool:
        for outcome in [pool.submit(build, number) for number in range(2)]:
            outcome.result()


def test_an_index_is_closed_while_threads_use_it(genome: Genome, index_path: Path) -> None:
    kmers = genome.kmers()[:5_000]
    index = reprise.open(index_path)
    expected = index.counts(kmers)
    used = threading.Event()

    def work() -> int:
        rounds = 0
        while True:
            try:
                assert np.array_equal(index.counts(kmers), expected)
            except reprise.UsageError:
                return rounds
            rounds += 1
            used.set()

    with ThreadPoolExecutor(4) as pool:
        outcomes = [pool.submit(work) for _ in range(4)]
        used.wait()
        index.close()
        assert sum(outcome.result() for outcome in outcomes) > 0


def counts_in_process(index: reprise.Index, kmers: np.ndarray, results: multiprocessing.SimpleQueue[int]) -> None:
    results.put(int(index.counts(kmers).sum()))


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_other_processes_use_an_index(method: str, genome: Genome, index_path: Path) -> None:
    if method not in multiprocessing.get_all_start_methods() or (method == "fork" and sys.platform == "darwin"):
        pytest.skip(f"processes are not started by {method} here")
    context = multiprocessing.get_context(method)
    # Several batches, so that the pool of threads is used in both processes.
    kmers = np.tile(np.array(genome.kmers()[:10_000]).astype("S"), 10)
    with reprise.open(index_path, threads=2) as index:
        expected = int(index.counts(kmers).sum())
        results = context.SimpleQueue()
        process = context.Process(target=counts_in_process, args=(index, kmers, results))
        process.start()
        assert results.get() == expected
        process.join()
        assert process.exitcode == 0
        again = pickle.loads(pickle.dumps(index))
        assert int(again.counts(kmers).sum()) == expected
        again.close()
