"""Whatever ends a build, what is left is the old index or the new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import POLICY

from briefqa.store import IndexWriter


@pytest.fixture
def changed(corpus: Path, index: Path) -> Path:
    """Return a corpus with an article that was edited since the index was built, one that is new, one that is gone."""
    (corpus / "policy.md").write_text(POLICY.replace("Rubin芯片仍", "Rubin芯片依然"), encoding="utf-8")
    (corpus / "new.md").write_text("# New\n\nA new chip.\n\n## Old\n\nAn old chip.\n", encoding="utf-8")
    (corpus / "weather.md").unlink()
    return corpus


def crash(how: str, index: Path, corpus: Path, work: Path) -> dict[str, int]:
    work.mkdir()
    script = Path(__file__).with_name("crashing.py")
    done = subprocess.run(
        [sys.executable, script, how, index, corpus, work], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def test_a_build_that_is_killed_at_any_step_leaves_the_old_index_or_the_new_one(
    changed: Path, index: Path, tmp_path: Path
) -> None:
    found = crash("kill", index, changed, tmp_path / "work")
    assert found["old"] > 50 and found["new"] > 10


def test_a_commit_that_is_cut_off_in_the_log_leaves_the_old_index_up_to_its_last_frame(
    changed: Path, index: Path, tmp_path: Path
) -> None:
    found = crash("torn", index, changed, tmp_path / "work")
    assert found["old"] > 30 and found["new"] <= 3  # SQLite repeats the last frame up to the end of a sector


def test_a_commit_has_reached_the_disk_before_it_counts(index: Path) -> None:
    with IndexWriter(index) as writer:
        (level,) = writer._connection.execute("PRAGMA synchronous").fetchone()
    assert level == 2  # FULL


def test_a_build_without_room_says_so_and_leaves_the_old_index(changed: Path, index: Path, tmp_path: Path) -> None:
    found = crash("room", index, changed, tmp_path / "work")
    assert found["old"] > 3


TINY = """
import sys
from pathlib import Path
import crashing

crashing.LEXICON.terms("loaded")
index = Path(sys.argv[2])
try:
    crashing.build(Path(sys.argv[1]), index)
except crashing.briefqa.BriefqaError as error:
    print(type(error).__name__, error)
print(len(crashing.state(index)))
"""


def test_a_full_disk_is_said_and_the_old_index_answers(corpus: Path, index: Path, tmp_path: Path) -> None:
    (corpus / "big.md").write_text("".join(f"# {n}\n\nWords of {n}.\n\n" for n in range(3000)), encoding="utf-8")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=1m none {disk} && cp -r {index}/. {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    run = f"{mount} && exec {sys.executable} -c '{TINY}' {corpus} {disk}"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", run],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])},
    )
    assert done.returncode == 0, done.stderr
    error, chunks = done.stdout.splitlines()
    assert error.startswith("IndexWriteError") and "full" in error and "make room" in error
    assert chunks == "4"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_who_may_only_read_gets_every_new_generation_whole(changed: Path, index: Path, tmp_path: Path) -> None:
    found = crash("lent", index, changed, tmp_path / "work")
    assert found["newest"] == 31 and found["seen"] > 3 and found["asked"] > 30
