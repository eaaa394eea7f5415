"""Each command and each program that the README shows is run, and each file it names exists."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCES = [token for token in MarkdownIt().parse(README) if token.type == "fence"]
COMMANDS = [line for token in FENCES if token.info == "bash" for line in token.content.splitlines()]
ELSEWHERE = re.compile("chat|bge-m3|password|--store")
# The one that calls a running chat is in test_endpoints.py.
PROGRAMS = [token.content for token in FENCES if token.info == "python" and "Client(" not in token.content]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the repository's, in which nothing is built yet."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "corpus", folder / "corpus")
    shutil.copytree(ROOT / "tests" / "golden", folder / "tests" / "golden")
    return folder


def test_the_commands_of_the_command_line_work_in_their_order(folder: Path) -> None:
    run = [line for line in COMMANDS if line.startswith("briefqa") and not ELSEWHERE.search(line)]
    assert len(run) >= 5
    for line in run:
        command = f"{shlex.quote(sys.executable)} -m {line}"
        done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
        assert done.stdout.strip() or ">" in line, line


def test_the_remaining_commands_are_run_elsewhere() -> None:
    elsewhere = {line for line in COMMANDS if not line.startswith("briefqa") or ELSEWHERE.search(line)}
    assert elsewhere == {
        "make chat",  # .ci/run
        "make test",  # .ci/run
        "briefqa chat --port 7860",  # test_browser.py
        "briefqa password alice --auth people",  # test_passwords.py
        "briefqa chat --host 0.0.0.0 --auth people --admin alice",  # test_access.py
        "briefqa chat --root-path /briefs --auth people --admin alice",  # test_access.py
        "pip install 'briefqa[llm]'",  # make test
        "export BRIEFQA_LLM_BASE_URL=http://127.0.0.1:8080/v1",  # test_writer.py, a server of its own
        "export BRIEFQA_LLM_MODEL=default",
        "briefqa build corpus --index other-index --encoder BAAI/bge-m3",  # test_encoders.py, a small model
        "pip install 'briefqa[milvus]'",  # make test
        "export MILVUS_TOKEN=root:Milvus",  # test_milvus.py, a server that refuses it
        "briefqa build corpus --store milvus://db.example:19530",  # test_milvus.py, a server of its own
        'briefqa ask "which chips are banned?" --store milvus://db.example:19530',
    }


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_work(program: str, folder: Path) -> None:
    if "mount" in program:
        program += """
from fastapi.testclient import TestClient
with TestClient(app) as client:
    print(client.get("/briefqa/source/").text)
"""
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "H20" in done.stdout if "history" in program else "nvidia-generations" in done.stdout


def test_the_sample_brief_can_be_read() -> None:
    from briefqa.articles import parse_article

    (sample,) = (token.content for token in FENCES if token.info == "markdown")
    article = parse_article(sample, "sample", "sample.md")
    assert article.date == "2025-12-15" and article.sections[0].anchor == "policy-details"


def test_every_file_of_the_package_has_its_phrase_and_every_link_leads_somewhere() -> None:
    package = ROOT / "src" / "briefqa"
    modules = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    packages = {f"{path.name}/" for path in package.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert set(re.findall(r"^\| `([\w.]+(?:\.py|/))` \|", README, re.MULTILINE)) == modules | packages
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_every_command_has_its_line() -> None:
    import typer.main

    from briefqa.cli import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    table = README.partition("| command | what it does |")[2].partition("\n\n")[0]
    documented = re.findall(r"^\| `([a-z]+)[^`]*` \|", table, re.MULTILINE)
    assert sorted(documented) == sorted(commands)
