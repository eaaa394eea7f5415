"""From one laptop to a billion chunks: what embedding, keeping and searching them takes, by plain arithmetic.

    python benchmarks/simulate.py                                   # the tables of docs/scale.md
    python benchmarks/simulate.py --chunks 5000000 --spans-per-chunk 6 --core-hour 0.03
    python benchmarks/simulate.py --help                            # each constant, and where it is from

A row multiplies constants, each measured, estimated from what was, assumed or a price. Measured ones are of the machine
that docs/performance.md describes, on which other programs ran; put in those of your own.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

SIZES = [10**power for power in range(3, 10)]
HOUR, DAY, MONTH = 3_600.0, 86_400.0, 730.0  # seconds, seconds, hours


def known(value: float, source: str) -> Any:
    """Return a constant's field: its value, what it is and where it is from."""
    return field(default=value, metadata={"source": source})


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Every constant; what it is and where it is from is also the help of its option."""

    chunks_per_article: float = known(8, "assumed: sections of a brief")
    spans_per_chunk: float = known(4, "assumed: sentences and table rows of a section")
    tokens_per_chunk: float = known(460, "assumed: 200 for the section, 65 for each of its spans with its headings")
    dim: float = known(896, "measured: dimensions of the bundled encoder")
    tokens_per_core: float = known(5_300, "measured: tokens a core embeds a second (building.py: 1.16 M in 218 core-s)")
    tokens_per_card: float = known(
        35_000, "assumed: the same with an L4-class graphics card and two cores; not measured"
    )
    articles_per_parent: float = known(
        80, "estimated, by a profile: articles of 40 passages that a process reads and stores a second"
    )
    disk_per_chunk: float = known(24_000, "measured: bytes, its spans, words and the cache included (scale.py)")
    exact_vectors: float = known(20_000, "chosen: vectors of a kind up to which they are searched exactly")
    quantised_bytes: float = known(240, "measured: bytes in memory of a vector that stays on the disk")
    held_per_chunk: float = known(600, "estimated from scale.py: bytes in memory of a chunk beside its vectors")
    words_gb: float = known(0.3, "chosen: GB in memory of all that at most")
    base_gb: float = known(0.2, "measured: GB of a process that answers from a small index")
    base_ms: float = known(19, "measured: milliseconds of a question over a small index (scale.py)")
    exact_ns: float = known(190, "measured: nanoseconds of a vector that is compared exactly; 55 where memory is fast")
    scan_ns: float = known(1.2, "estimated from scale.py: nanoseconds of a vector that has a code; not all are scanned")
    refine_ms: float = known(2, "estimated from scale.py: milliseconds to read and score what the codes have found")
    words_ns: float = known(16, "estimated from scale.py: nanoseconds of words, for each chunk of the corpus")
    laptop_cores: float = known(8, "assumed: cores of a laptop")
    laptop_gb: float = known(16, "assumed: GB of memory of a laptop")
    server_gb: float = known(64, "assumed: GB of memory of a server, a fifth of it for the system")
    one_machine_chunks: float = known(3e6, "chosen: the embedded store was measured up to a million chunks")
    milvus_bytes: float = known(3_840, "assumed: bytes in memory of a vector in Milvus, float32 and links of HNSW")
    diskann_bytes: float = known(450, "assumed: bytes in memory of a vector that DiskANN leaves on the disk")
    diskann_from: float = known(3e7, "assumed: chunks from which memory for all vectors is not worth it")
    texts_bytes: float = known(5_000, "estimated from scale.py: bytes on the disk of a chunk without its vectors")
    core_hour: float = known(0.045, "price: dollars, AWS c7i on demand, us-east-1, 2025, rounded (32 cores: 1.43)")
    card_hour: float = known(0.80, "price: dollars, AWS g6.xlarge with one L4 on demand, us-east-1, 2025, rounded")
    memory_gb_hour: float = known(0.0083, "price: dollars, AWS r7i on demand, us-east-1, 2025 (256 GB: 2.12)")
    disk_gb_month: float = known(0.08, "price: dollars, AWS gp3, us-east-1, 2025")


@dataclass(frozen=True, slots=True)
class Row:
    """What so many chunks take. Times in seconds, sizes in GB."""

    chunks: int
    articles: float
    vectors: float
    tokens: float
    core_hours: float
    laptop: float
    card_hours: float
    parent: float
    builds_for_a_day: int
    workers_for_a_day: int
    embedding_dollars: float
    disk: float
    memory: float
    index: str
    machines: int
    month_dollars: float
    search_ms: float
    breaks: str


def row(chunks: int, given: Assumptions) -> Row:
    vectors = chunks * (1 + given.spans_per_chunk)
    tokens = chunks * given.tokens_per_chunk
    core_hours = tokens / given.tokens_per_core / HOUR
    parent = chunks / given.chunks_per_article / given.articles_per_parent
    laptop = tokens / (given.tokens_per_core * given.laptop_cores) + parent
    # What one process reads and stores is not done sooner by more workers: half of the day is left to embedding.
    builds = math.ceil(parent / (DAY / 2))
    workers = math.ceil(core_hours * HOUR / (DAY - parent / builds))
    index, memory, disk = _index(chunks, given)
    machines = 1 if chunks <= given.one_machine_chunks else math.ceil(memory / (given.server_gb * 0.8))
    return Row(
        chunks,
        chunks / given.chunks_per_article,
        vectors,
        tokens,
        core_hours,
        laptop,
        tokens / given.tokens_per_card / HOUR,
        parent,
        builds,
        workers,
        core_hours * given.core_hour,
        disk,
        memory,
        index,
        machines,
        max(memory, 4) * given.memory_gb_hour * MONTH + disk * given.disk_gb_month,
        _search_ms(chunks, given),
        _breaks(chunks, memory, parent, given),
    )


def _index(chunks: int, given: Assumptions) -> tuple[str, float, float]:
    """Return how vectors are searched, and GB in memory and on the disk."""
    spans = chunks * given.spans_per_chunk
    if chunks <= given.one_machine_chunks:
        memory = given.base_gb + min(chunks * given.held_per_chunk / 1e9, given.words_gb)
        for count in (chunks, spans):
            each = 2 * given.dim if count <= given.exact_vectors else given.quantised_bytes
            memory += count * each / 1e9
        kinds = ["exact" if count <= given.exact_vectors else "cells" for count in (chunks, spans)]
        name = kinds[0] if kinds[0] == kinds[1] else f"{kinds[0]}, spans {kinds[1]}"
        return f"embedded, {name}", memory, chunks * given.disk_per_chunk / 1e9
    on_disk = chunks >= given.diskann_from
    vectors = chunks + spans
    memory = vectors * (given.diskann_bytes if on_disk else given.milvus_bytes) / 1e9
    disk = (vectors * 4 * given.dim + chunks * given.texts_bytes) / 1e9
    return "Milvus, DiskANN" if on_disk else "Milvus, HNSW", memory, disk


def _search_ms(chunks: int, given: Assumptions) -> float:
    """Return what a question takes where the index is embedded; 0 for Milvus, which was not measured at such sizes."""
    if chunks > given.one_machine_chunks:
        return 0.0
    total = given.base_ms + chunks * given.words_ns / 1e6
    for count in (chunks, chunks * given.spans_per_chunk):
        exact = count <= given.exact_vectors
        total += count * (given.exact_ns if exact else given.scan_ns) / 1e6 + (0 if exact else given.refine_ms)
    return total


def _breaks(chunks: int, memory: float, parent: float, given: Assumptions) -> str:
    embedding = chunks * given.tokens_per_chunk / given.tokens_per_core
    if parent > DAY:
        return "one process that reads and stores: split the corpus among several builds"
    if chunks > given.one_machine_chunks:
        return "memory of the cluster, then the process that reads and stores"
    if memory > given.laptop_gb / 4:
        return "memory of a laptop, and the time that a new index of all vectors takes"
    if embedding / given.laptop_cores > 2 * HOUR:
        return "an evening of embedding on a laptop: take workers or a graphics card"
    if embedding / given.laptop_cores > 600:
        return "patience with the first build"
    return "nothing"


def tables(sizes: list[int], given: Assumptions) -> Iterator[str]:
    """Yield the lines of both tables, in Markdown."""
    rows = [row(chunks, given) for chunks in sizes]
    yield (
        "| chunks | articles | vectors | tokens | core-hours | a laptop | one card | read and stored"
        " | builds × workers for a day | dollars |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for one in rows:
        each = math.ceil(one.workers_for_a_day / one.builds_for_a_day)
        workers = f"{one.builds_for_a_day:,} × {each:,}"
        cells = (
            amount(one.chunks),
            amount(one.articles),
            amount(one.vectors),
            amount(one.tokens),
            number(one.core_hours),
            duration(one.laptop),
            duration(one.card_hours * HOUR),
            duration(one.parent),
            workers,
            number(one.embedding_dollars),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "| chunks | index | on the disk | in memory | machines | dollars a month | a question | what breaks first |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in rows:
        cells = (
            amount(one.chunks),
            one.index,
            size(one.disk),
            size(one.memory),
            f"{one.machines:,}",
            number(one.month_dollars),
            f"{one.search_ms:.0f} ms" if one.search_ms else "not measured",
            one.breaks,
        )
        yield f"| {' | '.join(cells)} |"


def amount(count: float) -> str:
    """Return a count in words: 125, 4 k, 1.2 M."""
    for limit, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= limit:
            return f"{count / limit:.3g}{unit}"
    return f"{count:.3g}"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def size(gigabytes: float) -> str:
    return (
        f"{gigabytes / 1000:.3g} TB"
        if gigabytes >= 1000
        else f"{gigabytes:.2g} GB"
        if gigabytes < 10
        else f"{gigabytes:,.0f} GB"
    )


def duration(seconds: float) -> str:
    for limit, unit in ((DAY, "days"), (HOUR, "h"), (60.0, "min")):
        if seconds >= 2 * limit:
            return f"{seconds / limit:,.3g} {unit}" if seconds / limit < 1000 else f"{seconds / limit:,.0f} {unit}"
    return f"{seconds:.2g} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--chunks", type=lambda text: int(float(text)), nargs="+", default=SIZES, help="sizes of corpora"
    )
    for constant in fields(Assumptions):
        option = f"--{constant.name.replace('_', '-')}"
        told = f"{constant.metadata['source'].replace('%', '%%')} [{constant.default:,}]"
        parser.add_argument(option, type=float, default=constant.default, metavar="N", help=told)
    options = vars(parser.parse_args())
    sizes = options.pop("chunks")
    for line in tables(sizes, Assumptions(**options)):
        print(line)


if __name__ == "__main__":
    main()
