"""How long a new article takes to be found in an index of 3,000: from a cold command line, and in a running watcher.

    python benchmarks/freshness.py                      # five minutes on two cores, nearly all of it the first build
    python benchmarks/freshness.py --articles 300
    python benchmarks/freshness.py --keep /tmp/fresh    # keeps corpus and index there for the next run

The articles are made up of word lists, the same at each run: two sections of two sentences, every other one Chinese.
They are embedded by the bundled encoder. One article is then added, edited, renamed and removed: by `briefqa build`,
each in a process of its own, and under `briefqa watch`, from the moment that the file is closed to the moment that a
question to an open index finds it, the wait for further changes included.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import briefqa
from briefqa.watching.settling import QUIET

ENGLISH = {
    "who": "regulators,vendors,ministries,research labs,cloud providers,customs officers,investors,foundries,carriers",
    "does": "reviewed,delayed,announced,withdrew,extended,questioned,approved,audited,expanded,renegotiated",
    "what": "export licences,accelerator orders,battery subsidies,spectrum auctions,grain quotas,port fees,data rules,"
    "satellite contracts,steel tariffs,vaccine supplies",
    "where": "Shenzhen,Rotterdam,Nairobi,Jakarta,Warsaw,Santiago,Busan,Oslo,Hyderabad,Lagos,Montreal,Perth",
    "why": "after a court ruling,to lower costs,as demand fell,under public pressure,for lack of staff,"
    "before the summit,because of a drought,following an outage",
}
CHINESE = {
    "who": "监管部门,芯片厂商,地方政府,研究机构,云服务商,海关,投资者,代工厂,运营商",
    "does": "审查了,推迟了,宣布了,撤回了,延长了,质疑了,批准了,审计了,扩大了,重新谈判了",
    "what": "出口许可,加速卡订单,电池补贴,频谱拍卖,粮食配额,港口费用,数据规则,卫星合同,钢铁关税,疫苗供应",
    "where": "深圳,鹿特丹,内罗毕,雅加达,华沙,圣地亚哥,釜山,奥斯陆,海得拉巴,拉各斯,蒙特利尔,珀斯",
    "why": "在法院裁决之后,以降低成本,由于需求下降,迫于公众压力,因人手不足,在峰会之前,因干旱,在一次停机之后",
}
ADDED = "fresh.md"
PAUSE = 3.2  # seconds; a file that is written to again before is taken to grow, and waited for
MARK = "Zanzibar"  # stands in no list, so that a question with it finds what was added


def sentence(chance: random.Random, chinese: bool, mark: str = "") -> str:
    words = {part: chance.choice(text.split(",")) for part, text in (CHINESE if chinese else ENGLISH).items()}
    amount, year, month = chance.randrange(2, 990), chance.randrange(2019, 2026), chance.randrange(1, 13)
    where = mark or words["where"]
    if chinese:
        start = f"{year}年{month}月，{where}的{words['who']}{words['why']}{words['does']}{words['what']}"
        return f"{start}，涉及{amount}亿元。"
    return (
        f"In {where}, {words['who']} {words['does']} {words['what']} worth {amount} million {words['why']} in {year}."
    )


def article(number: int, mark: str = "") -> str:
    chance = random.Random(number)
    chinese = number % 2 == 1
    day = f"{chance.randrange(2019, 2026)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    topic = chance.choice((CHINESE if chinese else ENGLISH)["what"].split(","))
    lines = [f"---\ntitle: {topic} {number}\ndate: {day}\n---\n"]
    for heading in ("背景", "影响") if chinese else ("Background", "Consequences"):
        text = ("" if chinese else " ").join(sentence(chance, chinese, mark) for _ in range(2))
        lines.append(f"## {heading}\n\n{text}\n")
    return "\n".join(lines)


def write_corpus(folder: Path, count: int) -> None:
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"{number:06}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(article(number), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Step:
    """One change to the corpus. found: whether the marked article answers afterwards."""

    name: str
    found: bool

    def make(self, corpus: Path, round_number: int) -> None:
        path, other = corpus / ADDED, corpus / f"moved-{ADDED}"
        if self.name == "add":
            path.write_text(article(2 * 10**6 + 4 * round_number, MARK), encoding="utf-8")
        elif self.name == "edit":
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("Consequences\n\n", f"Consequences\n\nRevised {round_number}. "), "utf-8")
        elif self.name == "rename":
            path.replace(other)
        else:
            other.unlink()


STEPS = (Step("add", True), Step("edit", True), Step("rename", True), Step("remove", False))


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def build_cold(corpus: Path, index: Path) -> tuple[float, dict[str, object]]:
    """Run `briefqa build` and return the seconds from start to exit, and its report."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "briefqa", "build", str(corpus), "--index", str(index), "--json"]
    done = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)
    return time.perf_counter() - started, json.loads(done.stdout)


def measure_cold(corpus: Path, index: Path, rounds: int) -> None:
    print("cold command line (start of the process to its exit; in brackets what the build itself took):")
    build_cold(corpus, index)  # files in the page cache, as on a machine that builds all day
    print(f"  {'nothing':8} {build_cold(corpus, index)[0]:.2f} s")
    for step in STEPS:
        taken = []
        for number in range(rounds):
            for before in STEPS:
                if before == step:
                    break
                before.make(corpus, number)
            if step != STEPS[0]:
                build_cold(corpus, index)
            step.make(corpus, number)
            taken.append(build_cold(corpus, index))
            for after in STEPS[STEPS.index(step) + 1 :]:
                after.make(corpus, number)
            build_cold(corpus, index)
        inside = statistics.median(float(str(report["seconds"])) for _, report in taken)
        seconds = statistics.median(seconds for seconds, _ in taken)
        embedded = {report["chunks_embedded"] for _, report in taken}
        print(f"  {step.name:8} {seconds:.2f} s  [{inside:.2f} s]  chunks embedded: {embedded}", flush=True)


@contextmanager
def watching(corpus: Path, index: Path) -> Iterator[queue.SimpleQueue[dict[str, object]]]:
    """Run `briefqa watch --json` and yield the queue of what it reports."""
    reports: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()
    command = [sys.executable, "-m", "briefqa", "watch", str(corpus), "--index", str(index), "--json"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout

        def read() -> None:
            for line in lines:
                event = json.loads(line)
                if event["event"] == "built":
                    reports.put({**event, "_heard": time.perf_counter()})

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield reports
        finally:
            process.terminate()
            reader.join()


def measure_watcher(corpus: Path, index: Path, rounds: int) -> None:
    print("running watcher (from the file's close; the question is asked of an index open in another process;")
    print(f"{QUIET} s of it are the wait for further changes, and up to 0.04 s pass until an event is looked at):")
    with watching(corpus, index) as reports, briefqa.open(index) as qa:
        reports.get(timeout=120)  # it has caught up, and loads what it needs before the first change is built
        qa.retrieve(MARK)
        taken: dict[str, list[tuple[float, float, float]]] = {step.name: [] for step in STEPS}
        embedded: dict[str, set[object]] = {step.name: set() for step in STEPS}
        for number in range(rounds + 1):
            for step in STEPS:
                generation = qa.info().generation
                step.make(corpus, number)
                closed = time.perf_counter()
                while qa.info().generation == generation:
                    time.sleep(0.004)
                hits = qa.retrieve(MARK, k=1)
                answered = time.perf_counter() - closed
                assert (bool(hits) and MARK in hits[0].text) == step.found, (step, hits)
                report = reports.get(timeout=60)
                if number:  # the first one has what is loaded late
                    told = float(str(report["_heard"])) - closed
                    taken[step.name].append((answered, told, float(str(report["seconds"]))))
                    embedded[step.name].add(report["chunks_embedded"])
                time.sleep(PAUSE)
    for name, times in taken.items():
        answered, told, inside = (statistics.median(column) for column in zip(*times, strict=True))
        most = max(answered for answered, *_ in times)
        print(
            f"  {name:8} found after {answered:.3f} s (at most {most:.3f}), reported after {told:.3f} s, "
            f"of which the build {inside:.3f} s  chunks embedded: {embedded[name]}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="folder for corpus and index, used again where they are there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="briefqa-benchmark-") as work:
        folder = options.keep or Path(work)
        corpus, index = folder / f"corpus-{options.articles}", folder / f"index-{options.articles}"
        write_corpus(corpus, options.articles)
        for name in (ADDED, f"moved-{ADDED}"):
            (corpus / name).unlink(missing_ok=True)
        seconds, report = build_cold(corpus, index)
        print(
            f"{options.articles:,} articles, {report['chunks_embedded']:,} chunks embedded, "
            f"{report['chunks_reused']:,} reused: {seconds:.1f} s",
            flush=True,
        )
        measure_cold(corpus, index, options.rounds)
        measure_watcher(corpus, index, options.rounds)


if __name__ == "__main__":
    main()
