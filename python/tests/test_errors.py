"""Errors are exceptions by exit code, with the sentence of the command."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from conftest import K, REPEAT, Run

import reprise_genome as reprise


def damaged(index_path: Path, folder: Path) -> Path:
    """A copy of an index whose dictionary has other bytes in the middle."""
    copy = folder / "damaged.reprise"
    shutil.copytree(index_path, copy)
    for path in copy.iterdir():
        if path.name != "manifest.json":
            data = bytearray(path.read_bytes())
            middle = len(data) // 2
            data[middle : middle + 64] = bytes(byte ^ 0x5A for byte in data[middle : middle + 64])
            path.write_bytes(data)
    return copy


def raised(kind: type[reprise.Error], call: Callable[[], object]) -> str:
    """The text of the exception that a call raises, which is of this class and no other."""
    with pytest.raises(reprise.Error) as caught:
        call()
    assert type(caught.value) is kind, caught.value
    text = str(caught.value)
    assert text and "\n" not in text and not text.endswith("."), text
    return text


def test_classes_have_the_exit_codes_of_the_command() -> None:
    codes = {
        reprise.SystemCallError: 1,
        reprise.UsageError: 2,
        reprise.InputError: 3,
        reprise.DamagedError: 4,
        reprise.ResourceError: 5,
    }
    for kind, code in codes.items():
        assert issubclass(kind, reprise.Error) and kind.exit_code == code
    assert issubclass(reprise.SystemCallError, OSError)
    assert issubclass(reprise.UsageError, ValueError) and issubclass(reprise.InputError, ValueError)
    assert issubclass(reprise.ResourceError, MemoryError)


def test_sentences_are_those_of_the_command(run: Run, index_path: Path, fasta: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.fa"
    broken.write_text("no FASTA\n")
    missing = tmp_path / "missing"
    with reprise.open(index_path) as index:
        for kind, call, arguments in [
            (reprise.SystemCallError, lambda: reprise.open(missing), ("info", missing)),
            (reprise.DamagedError, lambda: reprise.open(tmp_path), ("info", tmp_path)),
            (reprise.UsageError, lambda: reprise.build_index(fasta, index_path), ("build-index", fasta, "-o", index_path)),
            (reprise.UsageError, lambda: reprise.build_index(fasta, missing, k=33), ("build-index", fasta, "-k", 33)),
            (reprise.InputError, lambda: reprise.build_index(broken, missing), ("build-index", broken, "-o", missing)),
            (reprise.InputError, lambda: index.profile("chr9"), ("query", index_path, "--region", "chr9")),
            (reprise.InputError, lambda: index.hits(broken), ("query", index_path, broken, "--hits")),
        ]:
            text = raised(kind, call)
            command = run(*arguments)
            assert command.returncode == kind.exit_code, (text, command)
            # Behind the sentence is a remedy, with flags or with arguments.
            sentence = text.split(";")[0].replace(" (k)", "")
            assert command.stderr.startswith(f"error: {sentence}"), (text, command.stderr)


def test_damage_is_found_when_it_is_read(index_path: Path, tmp_path: Path) -> None:
    copy = damaged(index_path, tmp_path)

    def read_all() -> None:
        with reprise.open(copy) as index:
            kmers = [seed.kmer for seed in index.seeds()]
            index.positions(kmers)
            for name in index.contigs.names:
                index.fetch(name)

    assert str(copy) in raised(reprise.DamagedError, read_all)


def test_wrong_kmers_are_named(index_path: Path) -> None:
    wrong: list[tuple[Any, str]] = [
        (["A" * K, "A" * (K - 1)], "kmers[1]"),
        (["A" * K, "A" * (K - 1) + "N"], "kmers[1]"),
        (["A" * K, "A" * (K - 1) + "é"], "kmers[1]"),
        ([b"A" * (K + 1)], "kmers[0]"),
        ([7], "kmers[0]"),
        ("A" * K, "one text"),
        (np.zeros((2, K + 1), np.uint8), f"rows of {K + 1}"),
        (np.zeros((2, K), np.int64), "int64"),
        (np.array(["A" * 4], dtype="S4"), "kmers[0]"),
        (np.array(["A" * K, "A" * 4]), "kmers[1]"),
        (reprise.windows("A" * 30 + "N" + "C" * 30, K), f"kmers[{31 - K}]"),
    ]
    with reprise.open(index_path) as index:
        for kmers, named in wrong:
            for look_up in (index.counts, index.positions):
                text = raised(reprise.InputError, lambda: look_up(kmers))
                assert named in text, text
        many = reprise.windows("ACGT" * 20_000 + "N" + "ACGT" * 20_000 + "N" + "ACGT" * 20_000, K)
        assert f"kmers[{80_000 - K + 1}]" in raised(reprise.InputError, lambda: index.counts(many))


def test_wrong_arguments_are_named(index_path: Path) -> None:
    with reprise.open(index_path) as index:
        for kind, call, named in [
            (reprise.UsageError, lambda: reprise.open(index_path, cache_size="much"), "cache_size"),
            (reprise.UsageError, lambda: reprise.open(index_path, cache_size=-1), "cache_size"),
            (reprise.UsageError, lambda: reprise.open(index_path, threads=0), "threads"),
            (reprise.UsageError, lambda: reprise.windows("ACGT", 0), "k is 0"),
            (reprise.UsageError, lambda: index.counts([], other_letters=cast(Any, "skip")), "other_letters"),
            (reprise.UsageError, lambda: index.hits([REPEAT], max_e_value=0), "max_e_value"),
            (reprise.UsageError, lambda: index.hits([REPEAT], max_divergence=2), "max_divergence"),
            (reprise.UsageError, lambda: reprise.build_index([], "x"), "genome"),
            (reprise.UsageError, lambda: reprise.build_index("x", "y", layout=cast(Any, "z")), "layout"),
            (reprise.InputError, lambda: index.fetch("chr1", -1, 5), "-1"),
            (reprise.InputError, lambda: index.fetch("chr1", 5, 1 << 40), "chr1"),
            (reprise.InputError, lambda: index.hits([]), "no sequence"),
            (reprise.InputError, lambda: index.hits([("a", "ACG"), ("a", "ACG")]), "'a'"),
            (reprise.InputError, lambda: index.hits(cast(Any, [7])), "sequence 0"),
        ]:
            assert named in raised(kind, call)


def test_too_little_memory_is_an_error(index_path: Path, fasta: Path, tmp_path: Path) -> None:
    text = raised(reprise.ResourceError, lambda: reprise.build_index(fasta, tmp_path / "a", max_memory="1M"))
    assert text.startswith("building this index needs at least") and text.endswith("use a larger max_memory")
    raised(reprise.ResourceError, lambda: reprise.open(index_path, max_memory=1000))
    with reprise.open(index_path, max_memory="16M", cache_size="1M") as index:
        text = raised(reprise.ResourceError, lambda: index.positions([("ACG" * 6)[:K]] * 20_000))
        assert "positions" in text and "max_memory" in text


def test_a_closed_index_is_an_error(index_path: Path) -> None:
    index = reprise.open(index_path)
    seeds = index.seeds()
    next(seeds)
    index.close()
    index.close()
    assert index.closed and "closed" in repr(index)
    for call in (lambda: index.counts(["A" * K]), lambda: index.fetch("chr1"), lambda: index.spectrum()):
        assert raised(reprise.UsageError, call) == "the index is closed"
