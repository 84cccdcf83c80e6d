"""The heavy commands over a `Dask <https://www.dask.org>`_ cluster, in parts that are joined to the bytes of one run.

::

    from distributed import Client
    from reprise_genome import dask

    with Client("scheduler:8786") as client:
        dask.detect(client, "genome.fa.gz", "results", shards=64, tandem=True)

Client and workers have to see the same files under the same paths. Each task runs the command in a process of its own,
with the threads of its worker unless `threads` says otherwise. Options are flags of the command, as in
`reprise_genome.detect`. An error of one task ends all others, and is that of the command. `client` is
a ``distributed.Client``; the package ``distributed`` is not installed with this one.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

from ._build import Option, flags, paths, run
from ._errors import UsageError
from ._values import Path

__all__ = ["annotate", "detect", "query"]


def query(
    client: Any,
    index: Path,
    sequences: Path,
    output: Path,
    *,
    shards: int,
    threads: int | None = None,
    force: bool = False,
    **options: Option,
) -> None:
    """Aligns sequences with the genome, as ``query --hits`` does, and writes PAF to `output`.

    `shards` parts of the sequences are aligned at the same time.

    Raises `UsageError` if `output` exists, unless `force` is set; the errors of the command.
    """
    if os.path.lexists(output) and not force:
        raise UsageError(f"{os.fspath(output)} exists already; use another name, or force=True")
    arguments = [os.fspath(index), os.fspath(sequences), "--hits", *flags(options)]
    with _folder_beside(output) as folder:
        parts = _make_parts(client, "query", arguments, FilePath(folder), shards, threads)
        whole = FilePath(folder, "whole")
        with whole.open("wb") as joined:
            for part in parts:
                with part.open("rb") as rows:
                    shutil.copyfileobj(rows, joined)
        os.replace(whole, output)


def annotate(
    client: Any,
    index: Path,
    library: Path | Sequence[Path],
    prefix: Path,
    *,
    shards: int,
    formats: Sequence[str] = ("gff3", "bed", "out"),
    threads: int | None = None,
    force: bool = False,
    **options: Option,
) -> None:
    """Finds the copies of a library of repeats, as ``annotate`` does, and writes ``PREFIX.FORMAT`` for each format.

    `shards` parts of the genome are searched at the same time, and joined on one worker. `options` are those of the
    search, such as ``no_tandem=True``; `force` replaces files that exist.

    Raises the errors of the command.
    """
    libraries = [f"--library={path}" for path in paths(library)]
    with _folder_beside(prefix) as folder:
        arguments = [os.fspath(index), *libraries, *flags(options)]
        parts = _make_parts(client, "annotate", arguments, FilePath(folder), shards, threads)
        merge = [*map(os.fspath, parts), f"--formats={','.join(formats)}", "-o", os.fspath(prefix), "--quiet"]
        _gather(client, [_submit(client, "merge-annotation", merge + ["--force"] * force, threads)])


def detect(
    client: Any,
    genome: Path | Sequence[Path],
    folder: Path,
    *,
    shards: int,
    threads: int | None = None,
    **options: Option,
) -> dict[str, Any]:
    """Finds the repeats of a genome, as `reprise_genome.detect` does, with each step of the run a task.

    Index, annotation and the last search for the copies of the families are divided into `shards` parts. An
    interrupted run continues. Returns ``summary.json`` of the folder.

    Raises the errors of the command.
    """
    arguments = [*paths(genome), "-o", os.fspath(folder), f"--shards={shards}", *flags(options), "--quiet"]
    with tempfile.TemporaryDirectory(prefix="reprise-plan-") as plans:
        plan = FilePath(plans, "plan.json")
        run("detect", [*arguments, f"--plan={plan}"], False)
        steps = json.loads(plan.read_text(encoding="utf-8"))["steps"]
    tasks: dict[str, Any] = {}
    for step in steps:
        name: str = step["name"]
        needs = [tasks[needed] for needed in step["needs"]]
        tasks[name] = _submit(client, "detect", [*arguments, f"--step={name}"], threads, needs)
    _gather(client, list(tasks.values()))
    summary: dict[str, Any] = json.loads(FilePath(folder, "summary.json").read_text(encoding="utf-8"))
    return summary


def _folder_beside(path: Path) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder on the disk of the results, which all workers see."""
    return tempfile.TemporaryDirectory(prefix=".reprise-parts-", dir=os.path.dirname(os.path.abspath(path)))


def _make_parts(
    client: Any, command: str, arguments: list[str], folder: FilePath, shards: int, threads: int | None
) -> list[FilePath]:
    """Makes all parts of the work of a command; returns their files."""
    if shards < 1:
        raise UsageError(f"shards={shards}; work has at least one part")
    parts = [folder / f"part.{number}" for number in range(1, shards + 1)]
    tasks: list[Any] = []
    for number, part in enumerate(parts, 1):
        shard = [f"--shard={number}/{shards}", "-o", os.fspath(part), "--quiet"]
        tasks.append(_submit(client, command, [*arguments, *shard], threads))
    _gather(client, tasks)
    return parts


def _task(command: str, arguments: list[str], threads: int | None, _needs: list[None]) -> None:
    """Runs on a worker, when what it needs is done."""
    if threads is None:
        threads = importlib.import_module("distributed").get_worker().state.nthreads
    run(command, [*arguments, f"--threads={threads}"], False)


def _submit(
    client: Any, command: str, arguments: list[str], threads: int | None, needs: Sequence[Any] = ()
) -> Any:
    # Its result is files: it is not known to Dask whether they are there, so a task is never taken for an earlier one.
    return client.submit(_task, command, arguments, threads, list(needs), pure=False)


def _gather(client: Any, tasks: Sequence[Any]) -> None:
    """Waits for tasks. The first error ends all others."""
    try:
        client.gather(list(tasks))
    except BaseException:
        client.cancel(list(tasks), force=True)
        raise
