"""Does the store on Milvus rank as the embedded one does? The same articles in both, the same questions to both.

    python benchmarks/stores.py corpus tests/golden/sample.jsonl
    python benchmarks/stores.py articles questions.jsonl --store milvus://host:19530/compared

Without --store it is milvus-lite, in a folder that is removed again. A line a golden set: of its questions, how many
have the same first hit, the same first five in the same order, the same text of the answer; the largest difference of
a first hit's score; and the seconds that a question took in each store, the median.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import briefqa


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("golden", type=Path, nargs="+")
    parser.add_argument("--store", default="")
    parser.add_argument("--most", type=int, default=1_000, help="questions of a golden set, at most")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        address = given.store or f"milvus://{folder}/compared.db"
        for store in ("", address):
            report = briefqa.build(given.corpus, Path(folder) / "index", store=store)
            print(f"{store or 'embedded'}: {report.articles_added} articles in {report.seconds:.1f} s")
        with (
            briefqa.open(Path(folder) / "index", store="") as embedded,
            briefqa.open(Path(folder) / "index", store=address) as milvus,
        ):
            print(f"{embedded.info().chunks} chunks, {embedded.info().spans} spans")
            for golden in given.golden:
                lines = golden.read_text(encoding="utf-8").splitlines()
                asked = [json.loads(line).get("question") for line in lines if line.strip()]
                compare(golden, [question for question in asked if question][: given.most], embedded, milvus)


def compare(golden: Path, questions: list[str], embedded: briefqa.BriefQA, milvus: briefqa.BriefQA) -> None:
    first = five = text = 0
    apart = [0.0]
    took: dict[str, list[float]] = {"embedded": [], "milvus": []}
    for question in questions:
        answers = {}
        for name, qa in (("embedded", embedded), ("milvus", milvus)):
            started = time.perf_counter()
            answers[name] = qa.ask(question)
            took[name].append(time.perf_counter() - started)
        hits = [[(hit.article, hit.anchor, hit.text) for hit in answers[name].hits] for name in ("embedded", "milvus")]
        first += hits[0][:1] == hits[1][:1]
        five += hits[0][:5] == hits[1][:5]
        text += answers["embedded"].text == answers["milvus"].text
        if hits[0][:1] == hits[1][:1] != []:
            apart.append(abs(answers["embedded"].hits[0].score - answers["milvus"].hits[0].score))
        elif hits[0][:1] != hits[1][:1]:
            print(f"  another first hit: {question}")
    many = len(questions)
    print(
        f"{golden}: {many} questions; same first hit {first / many:.3f}, same first five {five / many:.3f}, "
        f"same answer {text / many:.3f}; scores apart by {max(apart):.1e} at most; "
        f"{statistics.median(took['embedded']):.3f} s and {statistics.median(took['milvus']):.3f} s a question"
    )


if __name__ == "__main__":
    main()
