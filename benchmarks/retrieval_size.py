"""How retrieval slows down with the corpus: the same questions over 1,000 articles and over ten times as many.

    python benchmarks/retrieval_size.py            # about two minutes on two cores
    python benchmarks/retrieval_size.py --articles 1000 30000

The articles are made up: nine sentences of Chinese characters drawn by Zipf's law, one of them from the sample briefs,
so that some words are as frequent as words are. Their vectors are random, which costs a search as much as real ones
do. Questions are embedded by the bundled encoder. What is printed are medians and their ratio in this one run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import briefqa
from briefqa.encoders import load_encoder
from briefqa.settings import Settings

QUESTIONS = [
    "哪些芯片仍被禁止出口到中国？",
    "which chips are banned?",
    "How much faster is the H200 than the H20, according to the Institute for Progress?",
    "¿Qué empresas chinas querían comprar el H200?",
    "B200?",
    "2025年12月11日召开的紧急会议讨论了什么？",
    "What did the White House call the revenue share?",
    "华为海思的优势是什么？",
]


class QuestionsOnly:
    """Embeds questions for real and documents at random."""

    name = fingerprint = "benchmark"

    def __init__(self) -> None:
        self._bundled = load_encoder("bundled", Settings.from_environment().cache_dir)
        self.dim, self.max_tokens = self._bundled.dim, self._bundled.max_tokens
        self._random = np.random.default_rng(0)

    def count_tokens(self, text: str) -> int:
        return len(text)

    def encode_query(self, texts: Sequence[str]) -> np.ndarray:
        return self._bundled.encode_query(texts)

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        rows = self._random.standard_normal((len(texts), self.dim), dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_articles(folder: Path, count: int) -> None:
    random = np.random.default_rng(1)
    sample = Path(__file__).parents[1] / "corpus"
    real = [
        f"{part}。" for path in sample.glob("*.md") for part in path.read_text(encoding="utf-8").split("。") if part
    ]
    real = [sentence.replace("\n", "") for sentence in real if "|" not in sentence and "---" not in sentence]
    weights = 1 / np.arange(1, 3001)
    characters = np.array([chr(0x4E00 + i) for i in range(3000)])
    folder.mkdir()
    for number in range(count):
        drawn = random.choice(characters, size=8 * 60, p=weights / weights.sum())
        sentences = ["".join(drawn[i : i + 60]) + "。" for i in range(0, len(drawn), 60)]
        text = "".join([real[number % len(real)], *sentences])
        (folder / f"{number:06}.md").write_text(f"---\ntitle: 简报{number}\n---\n\n{text}\n", encoding="utf-8")


def median_ms(index: Path, encoder: QuestionsOnly, rounds: int) -> float:
    with briefqa.open(index, encoder=encoder) as qa:
        for question in QUESTIONS:
            qa.retrieve(question)
        times = []
        for question in QUESTIONS * rounds:
            started = time.perf_counter()
            qa.retrieve(question)
            times.append((time.perf_counter() - started) * 1000)
        return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    encoder = QuestionsOnly()
    first = 0.0
    with tempfile.TemporaryDirectory(prefix="briefqa-benchmark-") as work:
        for count in options.articles:
            corpus, index = Path(work, f"corpus-{count}"), Path(work, f"index-{count}")
            write_articles(corpus, count)
            report = briefqa.build(corpus, index, encoder=encoder)
            took = median_ms(index, encoder, options.rounds)
            first = first or took
            ratio = took / first
            print(
                f"{count:>8,} articles  built in {report.seconds:.1f} s  p50 {took:.1f} ms  {ratio:.2f} ×", flush=True
            )


if __name__ == "__main__":
    main()
