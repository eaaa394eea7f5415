"""A hundred generations taken up by one open index; run by test_swaps.py in a process of its own.

    python tests/swapping.py WORK

Prints what it cost as JSON: bytes of memory, open files, mapped files and generations kept, early on and at the end.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conftest import BigramEncoder

import briefqa
from briefqa.store.snapshots import Generation

SWAPS = 100
WARM = 40
LOOKS = 10
BUILDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import BigramEncoder
import briefqa

for line in sys.stdin:
    Path("corpus/chip.md").write_text(f"# Chip\\n\\nThe new chip is number {line.strip()}.\\n", encoding="utf-8")
    briefqa.build("corpus", "index", encoder=BigramEncoder())
    print(line.strip(), flush=True)
"""


def measure() -> dict[str, int]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "files": len(os.listdir("/proc/self/fd")),
        "mapped": Path("/proc/self/maps").read_text(encoding="utf-8").count("/index/"),
        "generations": sum(isinstance(thing, Generation) for thing in gc.get_objects()),
    }


def main() -> None:
    os.chdir(sys.argv[1])
    Path("corpus").mkdir()
    for number in range(250):
        sentences = " ".join(f"Sentence {number * 10 + i} speaks of {chr(97 + i)} and of {number}." for i in range(8))
        Path(f"corpus/{number}.md").write_text(f"# Article {number}\n\n{sentences}\n", encoding="utf-8")
    command = [sys.executable, "-c", BUILDER, str(Path(__file__).parent)]
    builder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def build(number: int) -> None:
        assert builder.stdin and builder.stdout
        builder.stdin.write(f"{number}\n")
        builder.stdin.flush()
        assert builder.stdout.readline().strip() == str(number)

    build(0)
    early, late = [], []
    with briefqa.open("index", encoder=BigramEncoder()) as qa, ThreadPoolExecutor(4) as threads:

        def ask(_: int) -> briefqa.Answer:
            return qa.ask("Which number is the new chip?")

        for number in range(1, SWAPS + WARM + 1):
            build(number)
            for answer in threads.map(ask, range(4)):
                assert answer.citations[0].quote == f"The new chip is number {number}.", answer
                assert answer.generation == number + 1
            if WARM - LOOKS < number <= WARM:
                early.append(measure())
            elif number > WARM + SWAPS - LOOKS:
                late.append(measure())
    builder.communicate()
    assert builder.returncode == 0
    # The least of several looks: what is held between two questions comes and goes.
    sys.stdout.write(
        json.dumps([{name: min(look[name] for look in looks) for name in looks[0]} for looks in (early, late)])
    )


if __name__ == "__main__":
    main()
