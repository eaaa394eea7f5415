"""Bulk embedding: briefqa's default encoder against plain float32 sentence-transformers, same weights, same texts.

    python benchmarks/embedding.py [--texts 240] [--repeats 3] [--json FILE]

Plain is `SentenceTransformer(folder).encode(texts)` with its defaults. Repeats alternate, so that a busy machine slows
all sides alike; the best repeat of each counts. Tokens are the texts' own, without prompts, specials and padding.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from briefqa.encoders.batched import Batched
from briefqa.encoders.bundled import Bundled
from briefqa.encoders.e5 import model_kwargs
from briefqa.settings import Settings

CHINESE = (
    "政策的具体内容与背景 人工智能芯片的出口管制 许可证 英伟达公司宣布 新的产品将在市场上销售 国内厂商 下一代处理器 "
    "性能提升百分之三十 客户要求 数据中心 供应链安全评估 专家认为 未来几年需求会继续增长 会议在北京召开 显存带宽"
).split()
ENGLISH = (
    "the export policy allows chips to be shipped under licence customers asked whether performance improved compared "
    "with previous generation memory bandwidth and vendors announced domestic alternatives according to officials"
).split()


def make_texts(count: int, seed: int = 0) -> list[str]:
    """Return sentences and sections, half Chinese and half English, of 10 to 400 tokens, short ones more often."""
    rng = random.Random(seed)
    texts = []
    for i in range(count):
        tokens = int(10 * 40 ** rng.random())
        words, size, ends, space = (CHINESE, 4.3, "，。", "") if i % 2 else (ENGLISH, 1.15, ",.", " ")
        picked = [
            rng.choice(words) + (rng.choice(ends) if rng.random() < 0.15 else "") for _ in range(int(tokens / size) + 1)
        ]
        texts.append(space.join(picked))
    return texts


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(count: int, repeats: int, cache_dir: Path) -> dict[str, Any]:
    texts = make_texts(count)
    bundled = Bundled(cache_dir)
    e5 = bundled._e5
    e5._load_bulk()
    folder = cache_dir / f"e5-{e5.version}-1"
    plain = Batched.load(str(folder), model_kwargs={"dtype": "float32"}).model
    sides: dict[str, Callable[[], object]] = {
        "plain": lambda: plain.encode(texts),
        "e5": lambda: e5.encode(texts, "document"),
        "bundled": lambda: bundled.encode_document(texts),
    }
    lengths = [bundled.count_tokens(text) for text in texts]
    for work in (lambda: plain.encode(texts[:32]), lambda: bundled.encode_document(texts[:32])):
        work()  # the first batch of a process also allocates and picks kernels
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, work in sides.items():
            times[name].append(seconds(work))
    tokens = sum(lengths)
    speed = {name: round(tokens / min(taken)) for name, taken in times.items()}
    pairs = [
        [plain_time / own for plain_time, own in zip(times["plain"], times[n], strict=True)] for n in ("e5", "bundled")
    ]
    return {
        "texts": len(texts),
        "tokens": tokens,
        "longest": max(lengths),
        "dtype": str(model_kwargs()["dtype"]),
        "tokens_per_second": speed,
        "ratio": {name: round(speed[name] / speed["plain"], 2) for name in ("e5", "bundled")},
        "ratio_of_the_worst_pair": {
            name: round(min(pair), 2) for name, pair in zip(("e5", "bundled"), pairs, strict=True)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=240)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Settings.from_environment().cache_dir)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    result = measure(options.texts, options.repeats, options.cache)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2), encoding="utf-8")
    print(f"{result['texts']} texts, {result['tokens']} tokens, the longest {result['longest']}; {result['dtype']}")
    for name, speed in result["tokens_per_second"].items():
        ratio = (
            f"  {result['ratio'][name]:.2f} x plain (worst pair {result['ratio_of_the_worst_pair'][name]:.2f})"
            if name in result["ratio"]
            else ""
        )
        print(f"{name:8} {speed:6} tokens/s{ratio}")


if __name__ == "__main__":
    main()
