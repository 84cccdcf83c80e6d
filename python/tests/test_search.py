"""Searches with sequences, and the arrays that they return."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from conftest import REPEAT, random_letters

import reprise_genome as reprise


@pytest.fixture(scope="module")
def hits(index_path: Path) -> reprise.Records:
    with reprise.open(index_path) as index:
        return index.hits({"repeat": REPEAT, "absent": random_letters(random.Random(9), 300)})


def test_planted_copies_are_found(hits: reprise.Records, index_path: Path) -> None:
    assert isinstance(hits, np.ndarray) and hits.ndim == 1
    assert hits.query_names == ("repeat", "absent")
    assert hits.contig_names == ("chr1", "chr2", "tiny")
    whole = hits[hits["query_end"] - hits["query_start"] > 350]
    assert isinstance(whole, reprise.Records) and whole.query_names == hits.query_names
    assert len(whole) >= 12
    assert set(whole["query"].tolist()) == {0}
    assert set(whole["strand"].tolist()) == {1, -1}
    assert (whole["divergence"] > 0).all() and (whole["divergence"] < 0.1).all()
    assert (whole["kimura"] >= 0).all() and (whole["e_value"] < 1e-3).all()
    assert (hits["end"] - hits["start"] == hits["matches"] + hits["substitutions"] + hits["inserted"]).all()
    assert (hits["query_end"] - hits["query_start"] == hits["matches"] + hits["substitutions"] + hits["deleted"]).all()
    order = list(zip(hits["contig"].tolist(), hits["start"].tolist()))
    assert order == sorted(order)
    with reprise.open(index_path) as index:
        first = whole[0]
        assert len(index.fetch("chr1", int(first["start"]), int(first["end"]))) == first["end"] - first["start"]


def test_sequences_are_given_in_several_ways(hits: reprise.Records, index_path: Path, tmp_path: Path) -> None:
    absent = random_letters(random.Random(9), 300)
    fasta = tmp_path / "queries.fa"
    fasta.write_text(f">repeat x\n{REPEAT}\n>absent\n{absent}\n")
    with reprise.open(index_path) as index:
        for given in ([("repeat", REPEAT), ("absent", absent)], fasta, str(fasta)):
            found = index.hits(given)
            assert found.query_names == hits.query_names
            assert np.array_equal(np.asarray(found), np.asarray(hits))
        unnamed = index.hits([REPEAT, absent])
        assert unnamed.query_names == ("0", "1") and len(unnamed) == len(hits)
        strict = index.hits(fasta, max_divergence=float(np.median(hits["divergence"])))
        assert 0 < len(strict) < len(hits)


def test_an_exception_of_a_callback_ends_a_search(index_path: Path) -> None:
    phases: list[str] = []

    def stop(phase: str, done: int, total: int | None) -> None:
        phases.append(phase)
        raise ZeroDivisionError(phase)

    with reprise.open(index_path) as index:
        for search in (index.hits, index.annotate):
            with pytest.raises(ZeroDivisionError):
                search([REPEAT], progress=stop)
        assert len(phases) == 2
        assert len(index.hits([REPEAT], progress=lambda *call: phases.append(call[0]))) > 10
        assert "search" in phases[2:]


def test_annotations_do_not_overlap(index_path: Path) -> None:
    with reprise.open(index_path) as index:
        copies = index.annotate({"repeat#SINE": REPEAT})
        assert copies.query_names[0] == "repeat#SINE"
        # The simple repeat of the genome, which no library has.
        assert len(copies.query_names) > 1
        same = copies["contig"][1:] == copies["contig"][:-1]
        assert (copies["start"][1:] >= copies["end"][:-1])[same].all()
        none = index.annotate({"absent": random_letters(random.Random(9), 300)}, tandem=False)
        assert none.shape == (0,)


def test_arrays_become_frames(hits: reprise.Records) -> None:
    pandas = pytest.importorskip("pandas")
    frame = hits.to_pandas()
    assert len(frame) == len(hits)
    assert list(frame.columns) == list(hits.dtype.names or ())
    assert frame["contig"].tolist() == [hits.contig_names[number] for number in hits["contig"]]
    assert isinstance(frame["query"].dtype, pandas.CategoricalDtype)
    assert frame["end"].dtype == np.uint64
    assert len(hits[:0].to_pandas()) == 0


def test_arrays_become_polars_frames(hits: reprise.Records) -> None:
    pytest.importorskip("polars")
    frame = hits.to_polars()
    assert frame.shape == (len(hits), len(hits.dtype.names or ()))
    assert frame["query"].to_list() == [hits.query_names[number] for number in hits["query"]]
    assert frame["score"].to_list() == hits["score"].tolist()


def test_arrays_are_pickled_with_their_names(hits: reprise.Records) -> None:
    again = pickle.loads(pickle.dumps(hits))
    assert isinstance(again, reprise.Records)
    assert (again.query_names, again.contig_names) == (hits.query_names, hits.contig_names)
    assert np.array_equal(np.asarray(again), np.asarray(hits))
