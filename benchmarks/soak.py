"""An index that never rests: articles change, builds are killed, and readers check every citation that they get.

    python benchmarks/soak.py                       # five minutes
    python benchmarks/soak.py --seconds 20 --json

A writer adds, edits, renames and deletes articles at random and builds after each few; it is killed (kill -9) at random
moments and started again. Four readers, three threads of one process and another process, ask all the time. Each
citation is checked against the very file that it names by its checksum, which the writer keeps aside, and on the
generation that answered, unless that was replaced meanwhile. At the end one more build must make the index equal to the
corpus, down to its last span.

Exit status 1 if a citation was wrong, an article lost, a question failed or the memory of a reader grew by a tenth.
--encoder takes a name, or module:Class for an encoder of your own that its process can import.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import briefqa
from briefqa.articles import parse_file
from briefqa.checking import check_citations, retrieved
from briefqa.encoders import Encoder
from briefqa.indexing import corpus_changes
from briefqa.lexicon import load_lexicon
from briefqa.settings import Settings
from briefqa.store import IndexReader
from briefqa.store.inspection import inspect
from briefqa.verbatim import VisibleArticle, visible_article

PLANTS = ["Aachen", "Bergen", "Cadiz", "Dresden", "Evora", "Florence", "Ghent", "Hamburg", "Izmir", "Jena"]
CITIES = ["北京", "上海", "深圳", "广州", "杭州", "南京", "成都", "武汉", "西安", "苏州"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found.

    checked: citations that were also checked on the generation that answered. growth: of the memory of the reader that
    grew most, as a share, from the second fifth of the time to the last.
    """

    seconds: float
    builds: int
    kills: int
    generations: int
    articles: int
    questions: int
    citations: int
    checked: int
    wrong: int
    failed: int
    lost: int
    faults: int
    median_ms: float
    slowest_ms: float
    memory_mb: float
    growth: float

    @property
    def good(self) -> bool:
        return not (self.wrong or self.failed or self.lost or self.faults) and self.growth <= 0.1 and self.citations > 0


def make_encoder(name: str) -> str | Encoder:
    module, _, made = name.partition(":")
    return getattr(importlib.import_module(module), made)() if made else name


# The writer


def text_of(number: int, draw: random.Random) -> str:
    """Return an article about a plant, with facts that change: of some sections only, so that others are kept."""
    place, city = PLANTS[number % 10], CITIES[number // 10 % 10]
    rows = "\n".join(f"| line {row} | {draw.randint(1, 9)}{draw.randint(0, 9)} |" for row in range(draw.randint(2, 4)))
    sections = [
        f"## Output {{#output}}\n\nThe plant {place}-{number} made {draw.randint(100, 999)} tonnes. It never rests.",
        f"## 产能 {{#capacity}}\n\n{city}第{number}号工厂的产能为{draw.randint(100, 999)}吨。其产品**全部**出口。",
        f"## Lines {{#lines}}\n\n| line | workers |\n|---|---|\n{rows}",
    ]
    front = f"---\ntitle: Plant {place}-{number}\ndate: 2025-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}\n---\n\n"
    return front + "\n\n".join(sections[: draw.randint(2, 3)]) + "\n"


def write(path: Path, text: str, history: Path) -> None:
    """Write an article as a whole or not at all, and keep a copy under its checksum before anybody can cite it."""
    data = text.encode()
    for target in (history / hashlib.sha256(data).hexdigest(), path):
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(target)


def change(corpus: Path, history: Path, articles: int, draw: random.Random) -> None:
    there = sorted(corpus.glob("*.md"))
    act = draw.choice(["add", "edit", "edit", "rename", "delete"])
    if len(there) < articles * 0.9:
        act = "add"
    elif len(there) > articles * 1.1:
        act = "delete"
    number = draw.randrange(10_000)
    if act == "add":
        write(corpus / f"plant-{number}.md", text_of(number, draw), history)
    elif act == "edit":
        path = draw.choice(there)
        write(path, text_of(int(path.stem.split("-")[1]), draw), history)
    elif act == "rename":
        path = draw.choice(there)
        path.rename(path.with_name(f"{path.stem.split('_')[0]}_{number}.md"))
    else:
        draw.choice(there).unlink()


def be_writer(work: Path, encoder: str | Encoder, articles: int) -> None:
    draw = random.Random(time.time_ns())
    corpus, history = work / "corpus", work / "history"
    while True:
        briefqa.build(corpus, work / "index", encoder, wait=60)
        say("built")
        for _ in range(draw.randint(1, 6)):
            change(corpus, history, articles, draw)


# The readers


class History:
    """The articles as they were: each under the checksum that a citation names."""

    def __init__(self, folder: Path, revision: str) -> None:
        self._file = folder / revision

    def visible(self, slug: str) -> VisibleArticle | None:
        if not self._file.is_file():
            return None
        return visible_article(parse_file(self._file.read_bytes(), f"{slug}.md"))

    def holding(self, bares: Collection[str]) -> Iterator[VisibleArticle]:
        return iter(())


def check(qa: briefqa.BriefQA, answer: briefqa.Answer, history: Path) -> tuple[int, list[str]]:
    """Return how many citations were checked on the generation that answered, and what is wrong with any."""
    places, wrong = retrieved(answer.hits), []
    for citation in answer.citations:
        (found,) = check_citations([(citation, places)], History(history, citation.revision))
        if found.failure:
            wrong.append(f"{found.failure}: {found.message}: {citation}")
    with qa.store.snapshot() as snapshot:
        if snapshot.generation != answer.generation:
            return 0, wrong
        for found in check_citations([(citation, places) for citation in answer.citations], snapshot):
            if found.failure:
                wrong.append(f"{found.failure} in generation {answer.generation}: {found.message}: {found.citation}")
    return len(answer.citations), wrong


def ask_all_the_time(qa: briefqa.BriefQA, history: Path, draw: random.Random) -> None:
    while True:
        number = draw.randrange(100)
        place, city = PLANTS[number % 10], CITIES[number // 10]
        question = draw.choice(
            [
                f"How many tonnes did the plant in {place} make?",
                f"{city}工厂的产能是多少吨？",
                f"Which lines has {place}?",
            ]
        )
        report: dict[str, object] = {"citations": 0, "checked": 0, "wrong": [], "failed": "", "generation": 0}
        started = time.perf_counter()
        try:
            answer = qa.ask(question)
            report |= {"ms": (time.perf_counter() - started) * 1000, "citations": len(answer.citations)}
            checked, wrong = check(qa, answer, history)
            report |= {"generation": answer.generation, "checked": checked, "wrong": wrong}
        except Exception as error:
            report["failed"] = f"{type(error).__name__}: {error}"
        say(json.dumps(report))


def be_reader(work: Path, encoder: str | Encoder, threads: int) -> None:
    qa = briefqa.open(work / "index", encoder=encoder)
    for number in range(threads):
        draw = random.Random(number)
        threading.Thread(target=ask_all_the_time, args=(qa, work / "history", draw), daemon=True).start()
    threading.Event().wait()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# The run


class Process:
    """One of the processes, and what it said."""

    def __init__(self, role: str, options: argparse.Namespace, work: Path) -> None:
        command = [sys.executable, __file__, "--role", role, "--work", str(work), "--encoder", options.encoder]
        self.child = subprocess.Popen(
            [*command, "--articles", str(options.articles)], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.child.stdout
        with self.child.stdout as said:
            self.lines.extend(line.strip() for line in said if line.endswith("\n"))

    @property
    def memory(self) -> int:
        """Resident bytes."""
        pages = Path(f"/proc/{self.child.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> list[str]:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self._thread.join()
        return self.lines


def soak(options: argparse.Namespace, work: Path) -> Result:
    draw = random.Random(options.seed)
    corpus, history, index = (work / name for name in ("corpus", "history", "index"))
    for folder in (corpus, history):
        folder.mkdir()
    for number in range(options.articles):
        write(corpus / f"plant-{number}.md", text_of(number, draw), history)
    encoder = make_encoder(options.encoder)
    briefqa.build(corpus, index, encoder)

    started = time.monotonic()
    readers = [Process("reader3", options, work), Process("reader1", options, work)]
    writer = Process("writer", options, work)
    kills, built = 0, 0
    memory: list[list[int]] = [[] for _ in readers]
    doom = 0.0  # of this writer, once it has built and so is somewhere in its work
    while (now := time.monotonic()) - started < options.seconds:
        if writer.child.poll() is not None:
            raise SystemExit("the writer ended by itself")
        if writer.lines and not doom:
            doom = now + draw.uniform(0.2, max(3.0, options.seconds / 25))
        if doom and now > doom:
            built += len(writer.kill())
            kills += 1
            writer = Process("writer", options, work)
            doom = 0.0
        for reader, sizes in zip(readers, memory, strict=True):
            if reader.child.poll() is not None:
                raise SystemExit("a reader ended by itself")
            if reader.lines:
                sizes.append(reader.memory)
        time.sleep(draw.uniform(0.05, 0.5))
    built += len(writer.kill())
    seconds = time.monotonic() - started
    reports = [json.loads(line) for reader in readers for line in reader.kill()]

    briefqa.build(corpus, index, encoder, wait=60)
    faults = inspect(index, load_lexicon(Settings.from_environment().cache_dir).places)
    wrong = [line for report in reports for line in report["wrong"]]
    failed = [report["failed"] for report in reports if report["failed"]]
    for line in [*wrong, *failed, *faults][:20]:
        sys.stderr.write(f"{line}\n")
    times = [report["ms"] for report in reports if "ms" in report] or [0.0]
    return Result(
        seconds=round(seconds, 1),
        builds=built,
        kills=kills,
        generations=len({report["generation"] for report in reports} - {0}),
        articles=len(list(corpus.glob("*.md"))),
        questions=len(reports),
        citations=sum(report["citations"] for report in reports),
        checked=sum(report["checked"] for report in reports),
        wrong=len(wrong),
        failed=len(failed),
        lost=count_lost(corpus, index),
        faults=len(faults),
        median_ms=round(statistics.median(times), 1),
        slowest_ms=round(max(times), 1),
        memory_mb=round(max(max(sizes, default=0) for sizes in memory) / 1e6, 1),
        growth=round(max(map(growth, memory)), 3),
    )


def growth(sizes: list[int]) -> float:
    """Return by what share the median of the last fifth is above that of the second one."""
    fifth = len(sizes) // 5
    if not fifth:
        return 0.0
    return statistics.median(sizes[-fifth:]) / statistics.median(sizes[fifth : 2 * fifth]) - 1


def count_lost(corpus: Path, index: Path) -> int:
    """Return how many articles the index lacks, has in another form, or has though they are gone."""
    reader = IndexReader(index)
    with reader.snapshot() as snapshot:
        known = {path: checksum for checksum, path in snapshot.known_articles().values()}
    reader.close()
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in corpus.glob("*.md")}
    differing = sum(known.get(name) != there.get(name) for name in {*known, *there})
    return differing + corpus_changes(corpus, index).ahead


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--articles", type=int, default=100)
    parser.add_argument("--encoder", default="bundled")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--role", choices=["writer", "reader1", "reader3"], help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "writer":
        be_writer(options.work, make_encoder(options.encoder), options.articles)
    elif options.role:
        be_reader(options.work, make_encoder(options.encoder), int(options.role[-1]))
    with tempfile.TemporaryDirectory(prefix="briefqa-soak-") as work:
        result = soak(options, Path(work))
    if options.json:
        print(json.dumps({**asdict(result), "good": result.good}))
    else:
        for name, value in asdict(result).items():
            print(f"{name:12} {value:>12,}")
    sys.exit(0 if result.good else 1)


if __name__ == "__main__":
    main()
