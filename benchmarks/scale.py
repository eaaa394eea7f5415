"""What an index of a thousand to a million chunks costs: a question's time and recall, opening, memory, a new article.

    python benchmarks/scale.py                              # 1,000 to 100,000 chunks, some minutes on two cores
    python benchmarks/scale.py --chunks 1000000             # half an hour more, 25 GB on the disk meanwhile
    python benchmarks/scale.py --json scale.json

The texts are made up: ten sections an article, four sentences a section, of two-character words drawn by Zipf's law,
so that some are in most sections; every other of the frequent words is of the sample briefs. So are the vectors: they
are drawn with the mean and the covariance of the sample briefs' sentences under the bundled encoder, in 2,000 topics.
One section in a hundred has a sentence of the sample briefs, and nearly its vector. All are put into the index through
the store's own writer, for to embed a million real texts would take a day. Questions are real, those of the golden set,
and embedded by the bundled encoder; so is the article that is added, of four sentences.

"search" is the median of the same questions asked again, when their vectors are remembered: all but the embedding.
"recall" is of the ten best hits, against a search that reads all vectors and all words exactly. "rest" is resident
memory after the questions, the encoder's 200 MB included, "building" its peak while the index is written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from freshness import article

import briefqa
from briefqa.articles import Article, Section, read_article
from briefqa.chunks import CHUNKING, Chunk, Span, chunk_article
from briefqa.encoders import load_encoder
from briefqa.encoders.geometry import load_geometry
from briefqa.lexicon import TERMS, load_lexicon
from briefqa.settings import Settings
from briefqa.store import IndexWriter, matching
from briefqa.store.rows import Filed, Held, Mask, Nearest

ROOT = Path(__file__).parents[1]
SECTIONS, SENTENCES, WORDS = 10, 4, 20
EACH = 100  # sections, of which one has a real sentence
SECTIONS_AT_A_TIME = 1_000
TOPICS, VOCABULARY = 2_000, 30_000
# Of the variance of a sentence's vector: its topic, its section, itself.
SHARES = (0.5, 0.3, 0.2)
ASKED_EXACTLY = 24
ROWS_AT_A_TIME = 262_144  # that are searched exactly
LARGEST_CORPUS = 100_000  # chunks, up to which the articles are written as files too, so that a build finds them


@dataclass(frozen=True, slots=True)
class Result:
    """Of one size. Times in milliseconds, memory in MB, unless the name says otherwise."""

    chunks: int
    spans: int
    searches: dict[str, str]
    made_s: float
    building: float
    disk_gb: float
    open_s: float
    rest: float
    retrieve_p50: float
    retrieve_p95: float
    search_p50: float
    ask_p50: float
    ask_p95: float
    recall: float
    one_more_s: float


class Source:
    """Sentences, their terms and their vectors, drawn at random, the same at each run."""

    def __init__(self) -> None:
        cache_dir = Settings.from_environment().cache_dir
        encoder, lexicon = load_encoder("bundled", cache_dir), load_lexicon(cache_dir)
        chunks = [
            chunk
            for path in sorted((ROOT / "corpus").glob("*.md"))
            for chunk in chunk_article(read_article(path, ROOT / "corpus"), encoder.max_tokens, encoder.count_tokens)
        ]
        self.real = list(dict.fromkeys(span.text.replace("\n", " ") for chunk in chunks for span in chunk.spans))
        self.real_terms = [lexicon.terms(text) for text in self.real]
        self.real_rows = encoder.encode_document(self.real)
        self.mean = self.real_rows.mean(axis=0)
        self.spread = (self.real_rows - self.mean) / np.sqrt(len(self.real))
        self.random = np.random.default_rng(0)
        characters = self.random.choice(3_000, size=(VOCABULARY, 2)) + 0x4E00
        known = list(dict.fromkeys(term for terms in self.real_terms for term in terms if len(term) == 2))
        self.random.shuffle(known)
        self.words = ["".join(map(chr, pair)) for pair in characters]
        self.words[: 2 * len(known) : 2] = known
        self.terms = [(lexicon.terms(word) or [word])[0] for word in self.words]
        self.weights = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
        self.topics = self.draw(TOPICS)

    def draw(self, count: int) -> np.ndarray:
        """Return deviations (count, dim) from the mean vector, as real sentences have them."""
        chances = self.random.standard_normal((count, len(self.spread)), dtype=np.float32)
        return np.asarray(chances @ self.spread, dtype=np.float32)

    def vectors(self, first: int, sections: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of sections (sections, dim) and of their sentences (sections × SENTENCES, dim)."""
        topic, own, single = np.sqrt(SHARES)
        of_topics = self.topics[(np.arange(first, first + sections) // SECTIONS) % TOPICS]
        base = self.mean + topic * of_topics + own * self.draw(sections)
        spans = np.repeat(base, SENTENCES, axis=0) + single * self.draw(sections * SENTENCES)
        for section in range(0, sections, EACH):
            real = self.real_rows[(first + section) // EACH % len(self.real)]
            spans[section * SENTENCES] = 0.2 * spans[section * SENTENCES] + 0.8 * real
        chunks = spans.reshape(sections, SENTENCES, -1).mean(axis=1)
        return unit(chunks), unit(spans)

    def word_numbers(self, count: int) -> np.ndarray:
        return np.searchsorted(self.weights, self.random.random(count) * self.weights[-1])


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def articles(source: Source, chunks: int) -> Iterator[tuple[Article, list[Chunk], list[dict[str, list[int]]]]]:
    """Yield articles with their chunks and where the terms of each stand."""
    for number in range(chunks // SECTIONS):
        title = f"简报{number}"
        parts, sections, made, places, length = [f"---\ntitle: {title}\n---\n\n"], [], [], [], 0
        length = len(parts[0])
        for ordinal in range(SECTIONS):
            heading = f"第{ordinal}节"
            start = length
            parts.append(f"## {heading} {{#s{ordinal}}}\n\n")
            length += len(parts[-1])
            numbers = source.word_numbers(SENTENCES * WORDS)
            found: dict[str, list[int]] = {}
            texts = []
            for place in range(SENTENCES):
                drawn = numbers[place * WORDS : (place + 1) * WORDS].tolist()
                texts.append(" ".join([source.words[word] for word in drawn]) + "。")
                terms = [source.terms[word] for word in drawn]
                if place == 0 and (number * SECTIONS + ordinal) % EACH == 0:
                    real = (number * SECTIONS + ordinal) // EACH % len(source.real)
                    texts[0], terms = source.real[real], source.real_terms[real]
                for term in terms:
                    found.setdefault(term, []).append(place + 1)
            spans, begin = [], length
            for text in texts:
                spans.append(Span(text, (), length, length + len(text), "paragraph"))
                parts.append(f"{text}\n")
                length += len(text) + 1
            text = "\n".join(texts)
            made.append(
                Chunk(
                    f"{number:06}", title, f"s{ordinal}", heading, (heading,), 0, text, begin, begin + len(text),
                    tuple(spans), "",
                )
            )  # fmt: skip
            parts.append("\n")
            length += 1
            sections.append(Section(f"s{ordinal}", heading, (heading,), 2, 0, (), start, length))
            places.append(found)
        text = "".join(parts)
        digest = hashlib.sha256(text.encode()).hexdigest()
        year, month = 2020 + number % 6, 1 + number % 12
        yield (
            Article(
                f"{number:06}", f"{number:06}.md", title, f"{year}-{month:02}-01", "", (), "", "", "", digest, text,
                tuple(sections), (),
            ),
            made,
            places,
        )  # fmt: skip


def make(chunks: int, folder: Path) -> None:
    """Write an index, and print how long it took and what memory; run in a process of its own."""
    source = Source()
    cache_dir = Settings.from_environment().cache_dir
    encoder = load_encoder("bundled", cache_dir)
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    started = time.perf_counter()
    with IndexWriter(folder / "index") as writer:
        writer.put_geometry(load_geometry(encoder, cache_dir))
        for number, (one, made, places) in enumerate(articles(source, chunks)):
            first = number * SECTIONS % SECTIONS_AT_A_TIME
            if first == 0:
                rows, more = source.vectors(number * SECTIONS, SECTIONS_AT_A_TIME)
            hashes = [hashlib.sha256(f"{number} {i}".encode()).digest() for i in range(SECTIONS * (1 + SENTENCES))]
            spans = more[first * SENTENCES : (first + SECTIONS) * SENTENCES]
            writer.add_vectors(hashes, np.concatenate([rows[first : first + SECTIONS], spans]))
            writer.put_article(one, made, hashes[:SECTIONS], hashes[SECTIONS:], places)
            if chunks <= LARGEST_CORPUS:
                (corpus / one.path).write_text(one.text, encoding="utf-8")
        writer.commit(
            corpus=corpus,
            encoder="bundled",
            fingerprint=encoder.fingerprint,
            chunking=CHUNKING,
            terms=TERMS,
            problems=[],
        )
    print(json.dumps({"made_s": time.perf_counter() - started, "building": peak()}))


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return peak()


def questions() -> list[str]:
    lines = (ROOT / "tests" / "golden" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines]


def times(ask: Callable[[str], object]) -> tuple[tuple[float, float], float]:
    """Return median and 95th percentile, in milliseconds, and the median when each is asked once more at once."""
    taken: list[list[float]] = [[], []]
    for question in questions():
        for times in taken:
            started = time.perf_counter()
            ask(question)
            times.append((time.perf_counter() - started) * 1000)
    return (statistics.median(taken[0]), sorted(taken[0])[int(len(taken[0]) * 0.95)]), statistics.median(taken[1])


def exactly(rows: Filed, query: np.ndarray, k: int, wanted: Mask | None) -> Nearest:
    """Search all rows in a file."""
    data = np.memmap(rows.path, dtype=np.float16, mode="r", shape=(len(rows), rows.dim))
    found = []
    for start in range(0, len(data), ROWS_AT_A_TIME):
        end = start + ROWS_AT_A_TIME
        near = Held(data[start:end]).nearest(query, k, Mask(wanted.rows[start:end]) if wanted else None)
        found.append(Nearest(near.places + start, near.scores))
    places, scores = map(np.concatenate, zip(*found, strict=True))
    best = np.argsort(-scores, kind="stable")[:k]
    return Nearest(places[best], scores[best])


def measure(folder: Path) -> None:
    """Ask an index, and print what it took; run in a process of its own."""
    index = folder / "index"
    first, *_ = questions()
    encoder = load_encoder("bundled", Settings.from_environment().cache_dir)
    encoder.encode_query(["One, so that the encoder is loaded."])
    load_lexicon(Settings.from_environment().cache_dir)
    started = time.perf_counter()
    with briefqa.open(index) as qa:
        with qa.store.snapshot() as snapshot:
            opened = time.perf_counter() - started
            sizes = {"chunks": snapshot.vectors.count("chunks"), "spans": snapshot.vectors.count("spans")}
        searches = {kind: str(search) for kind, search in qa.info().searches.items()}
        for question in ("哪些芯片？", "Which chips?", first):
            qa.ask(question)
        retrieve, search = times(lambda question: qa.retrieve(question, k=10))
        ask, _ = times(qa.ask)
        rest = resident()
        asked = questions()[:: max(len(questions()) // ASKED_EXACTLY, 1)][:ASKED_EXACTLY]
        found = [places_of(qa, question) for question in asked]
        Filed.nearest, matching.LARGE = exactly, 10**12  # type: ignore[method-assign]
        right = [places_of(qa, question) for question in asked]
    recall = statistics.mean(len(one & other) / len(other) for one, other in zip(found, right, strict=True))
    print(
        json.dumps(
            {
                **sizes,
                "searches": searches,
                "open_s": opened,
                "rest": rest,
                "retrieve_p50": retrieve[0],
                "retrieve_p95": retrieve[1],
                "search_p50": search,
                "ask_p50": ask[0],
                "ask_p95": ask[1],
                "recall": recall,
            }
        )
    )


def places_of(qa: briefqa.BriefQA, question: str) -> set[tuple[str, str]]:
    return {(hit.article, hit.anchor) for hit in qa.retrieve(question, k=10)}


def add_one(folder: Path) -> None:
    """Add an article to a corpus, build, and print how long that took; run in a process of its own."""
    number = sum(1 for _ in (folder / "corpus").iterdir())
    (folder / "corpus" / f"added-{number}.md").write_text(article(2 * 10**6 + number), encoding="utf-8")
    report = briefqa.build(folder / "corpus", folder / "index")
    assert (report.articles_added, report.articles_removed, report.articles_updated) == (1, 0, 0), report
    print(json.dumps({"one_more_s": report.seconds}))


def run(step: str, *args: object) -> dict[str, float]:
    command = [sys.executable, __file__, f"--step={step}", *map(str, args)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # its threads spin while others work
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def size_of(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--work", type=Path, help="folder for the indexes, which stay there; else they are removed")
    parser.add_argument("--step", choices=["make", "measure", "add"], help=argparse.SUPPRESS)
    parser.add_argument("folder", nargs="?", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        {"make": lambda: make(options.chunks[0], options.folder), "measure": lambda: measure(options.folder)}.get(
            options.step, lambda: add_one(options.folder)
        )()
        return
    results = []
    print(
        f"{'chunks':>10} {'spans':>10} {'made':>7} {'building':>9} {'disk':>7} {'open':>6} {'rest':>8} "
        f"{'retrieve p50/p95':>18} {'search':>8} {'ask p50/p95':>15} {'recall':>6} {'one more':>8}"
    )
    for count in options.chunks:
        with tempfile.TemporaryDirectory(prefix="briefqa-scale-") as temporary:
            folder = (options.work or Path(temporary)) / f"scale-{count}"
            made = (
                {"made_s": float("nan"), "building": float("nan")}
                if (folder / "index" / "briefqa.db").exists()
                else run("make", "--chunks", count, "--", folder)
            )
            disk = size_of(folder / "index")
            found = run("measure", folder)
            one_more = run("add", folder)["one_more_s"] if count <= LARGEST_CORPUS else float("nan")
        result = Result(**made, **found, disk_gb=disk, one_more_s=one_more)  # type: ignore[arg-type]
        results.append(result)
        print(
            f"{result.chunks:>10,} {result.spans:>10,} {result.made_s:>5.0f} s {result.building:>6.0f} MB "
            f"{result.disk_gb:>4.1f} GB {result.open_s:>4.1f} s {result.rest:>5.0f} MB "
            f"{result.retrieve_p50:>8.1f}/{result.retrieve_p95:.1f} ms "
            f"{result.search_p50:>5.1f} ms {result.ask_p50:>6.1f}/{result.ask_p95:.1f} ms "
            f"{result.recall:>6.3f} {result.one_more_s:>6.2f} s",
            flush=True,
        )
        for kind, search in result.searches.items():
            print(f"{'':10} {kind}: {search}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
