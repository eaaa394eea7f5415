"""The command line: what it prints, what it returns, and how it meets a mistake."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from briefqa import __version__
from briefqa.answer import Answer
from briefqa.cli.options import Format
from briefqa.export import EXPORTS, to_json

VALID = to_json([Answer("q", "No.", (), False, 0.0, ())]).encode("utf-8")
LIGHT = "import sys, briefqa.cli; sys.argv = ['briefqa', *{args!r}]\ntry: briefqa.cli.main()\nexcept SystemExit: pass\n"


@pytest.fixture
def built(run, corpus: Path, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    assert run("build", corpus, "--index", tmp_path / "index")[0] == 0
    return tmp_path / "index"


def test_build_says_what_it_did(run, corpus: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (corpus / "bad.md").write_text("---\ntitle: [x\n---\n\ntext\n", encoding="utf-8")
    status, out, err = run("build", corpus, "--index", tmp_path / "index")
    assert status == 0 and out.startswith("3 articles added, 0 updated, 0 removed, 0 unchanged; 4 chunks embedded")
    assert err.strip().splitlines()[-1].startswith("bad.md:")


def test_build_reports_as_json(run, corpus: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = run("build", corpus, "--index", tmp_path / "index", "--json")
    assert json.loads(out)["articles_added"] == 3


def test_ask_shows_the_quote_and_where_it_stands(run, built: Path) -> None:  # type: ignore[no-untyped-def]
    status, out, _ = run("ask", "Blackwell系列与Rubin芯片仍在禁止清单上？", "--index", built)
    assert status == 0
    assert "[1] Blackwell系列与Rubin芯片仍在禁止清单上。" in out
    assert "policy#banned" in out and "https://example.org/policy#banned" in out


def test_a_long_chinese_quote_is_wrapped_and_never_cut(run, corpus: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    quote = "量子" * 20 + "，" + "计算机" * 15 + "。"
    (corpus / "long.md").write_text(
        f"# 长\n\n{quote}\n\n| {'头' * 50} | 乙 |\n|---|---|\n| {'格' * 70} | 丁 |\n", "utf-8"
    )
    run("build", corpus, "--index", tmp_path / "index")
    for command in ("ask", "search"):
        _, out, _ = run(command, quote, "--index", tmp_path / "index", "--article", "long")
        assert quote in "".join(out.split()) and "…" not in out
    _, out, _ = run("ask", "格" * 9, "--index", tmp_path / "index", "--article", "long")
    assert out.count("格") == 70 and out.count("头") == 50 and "…" not in out


def test_ask_answers_as_json(run, built: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = run("ask", "Blackwell系列与Rubin芯片", "--index", built, "--json")
    answer = json.loads(out)
    assert answer["answered"] and answer["citations"][0]["anchor"] == "banned"
    assert set(answer["hits"][0]) >= {"article", "anchor", "heading_path", "score", "rank", "spans"}


def test_ask_answers_in_every_format_and_json_is_one_of_them(run, built: Path) -> None:  # type: ignore[no-untyped-def]
    asked = ("ask", "Blackwell系列与Rubin芯片仍在禁止清单上？", "--index", built)
    printed = {name: run(*asked, "--format", name)[1] for name in EXPORTS}
    assert [name.value for name in Format] == list(EXPORTS)
    assert printed["json"] == run(*asked, "--json")[1]
    assert (
        printed["markdown"].startswith("# Blackwell系列与Rubin芯片仍在禁止清单上？\n")
        and "[^1]: " in printed["markdown"]
    )
    assert printed["bibtex"].startswith("@misc{policy:banned,\n")
    assert json.loads(printed["csl"])[0]["URL"] == "https://example.org/policy#banned"
    status, out, err = run(*asked, "--json", "--format", "bibtex")
    assert (status, out) == (2, "") and "give one" in err


def test_a_saved_answer_is_exported_as_it_was_asked(run, built: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    asked = ("ask", "Blackwell系列与Rubin芯片", "--index", built)
    answer = run(*asked, "--json")[1]
    saved = tmp_path / "answer.json"
    saved.write_text("\ufeff" + answer, encoding="utf-8")  # some editors put a byte order mark there
    for name in EXPORTS:
        assert run("export", saved, "--format", name) == (0, run(*asked, "--format", name)[1], "")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(answer.encode("utf-8"))))
    assert run("export", "-") == (0, run(*asked, "--format", "markdown")[1], "")


def test_an_export_never_replaces_a_file_unless_told_to(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    saved, output = tmp_path / "talk.json", tmp_path / "talk.md"
    saved.write_text(to_json([Answer(question, "No.", (), False, 0.0, ()) for question in ("a?", "b?")]), "utf-8")
    assert run("export", saved, "--output", output) == (0, "", "")
    assert output.read_text("utf-8") == "# a?\n\nNo.\n\n# b?\n\nNo.\n"
    output.write_text("mine", "utf-8")
    status, out, err = run("export", saved, "-o", output)
    assert (status, out, output.read_text("utf-8")) == (1, "", "mine")
    assert err == f"briefqa: {output} is there already: choose another name, or replace it with --force\n"
    assert run("export", saved, "-o", output, "--force")[0] == 0 and output.read_text("utf-8").startswith("# a?")


@pytest.mark.parametrize(
    ("content", "args", "message"),
    [
        (None, (), "no saved answer at answer.json: save an answer with `briefqa ask QUESTION --json >"),
        (b"\xff\xfe{", (), "answer.json: not JSON ('utf-16-le' codec can't decode"),
        (b'{"question": "q"}', (), "answer.json: text is missing, it must be text: save an answer"),
        (b"briefqa: no index", (), "answer.json:1: not JSON (Expecting value): save"),
        (VALID, ("--output", "none/a.md"), "there is no folder none: make it first"),
        (VALID, ("--output", ".", "--force"), ". cannot be written: Is a directory"),
    ],
)
def test_an_export_that_fails_is_told_in_one_line(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch, content: bytes | None, args: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("answer.json").write_bytes(content)
    status, out, err = run("export", "answer.json", *args)
    assert (status, out) == (1, "") and err.startswith(f"briefqa: {message}") and len(err.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"answer.json"}


def test_search_lists_sections_best_first_and_takes_filters(run, built: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = run("search", "车载芯片", "--index", built, "-k", "1")
    assert "industry/vendors#vendors" in out and "policy" not in out
    _, out, _ = run("search", "车载芯片", "--index", built, "--since", "2025-12-01", "--json")
    assert {hit["article"] for hit in json.loads(out)} == {"policy"}
    _, out, _ = run("search", "车载芯片", "--index", built, "--tag", "nothing")
    assert "nothing found" in out


def test_status_says_whether_the_corpus_is_ahead(run, built: Path, corpus: Path) -> None:  # type: ignore[no-untyped-def]
    assert "up to date" in run("status", "--index", built)[1]
    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    (corpus / "weather.md").unlink()
    assert "2 articles ahead of the index" in run("status", "--index", built)[1]
    status = json.loads(run("status", "--index", built, "--json")[1])
    assert (status["corpus_ahead"], status["articles"], status["encoder"]) == (2, 3, "bundled")


@pytest.mark.parametrize("command", [("ask", "q"), ("search", "q"), ("status",), ("chat",)])
def test_a_missing_index_is_one_line_that_says_what_to_do(run, tmp_path: Path, command: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    status, out, err = run(*command, "--index", tmp_path / "none")
    assert (status, out) == (1, "") and err.startswith("briefqa: no index in") and "briefqa build" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "args", [("ask",), ("frobnicate",), ("search", "q", "-k", "0"), ("ask", "q", "--since", "someday"), ("ask", " ")]
)
def test_wrong_usage_returns_2_and_no_traceback(run, built: Path, args: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    status, out, err = run(*args, *(["--index", built] if args[0] != "frobnicate" else []))
    assert status == 2 and out == "" and err and "Traceback" not in err


def test_the_version_is_printed(run) -> None:  # type: ignore[no-untyped-def]
    assert run("--version") == (0, f"briefqa {__version__}\n", "")


def test_alone_it_shows_its_commands(run) -> None:  # type: ignore[no-untyped-def]
    status, out, _ = run()
    assert status == 0 and all(
        name in out for name in ("build", "ask", "export", "search", "eval", "status", "chat", "mcp")
    )


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--help"],
        ["ask", "--help"],
        ["eval", "--help"],
        ["export", "--help"],
        ["verify", "--help"],
        ["mcp", "--help"],
        ["watch", "--help"],
        ["--version"],
    ],
)
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = LIGHT.format(args=args) + (
        "heavy = ('torch', 'gradio', 'numpy', 'faiss', 'sentence_transformers', 'markdown_it', 'yaml', 'sqlite3',"
        " 'matplotlib', 'mcp', 'watchfiles')\n"
        "sys.exit('imported: ' + ', '.join(name for name in heavy if name in sys.modules)"
        " if any(name in sys.modules for name in heavy) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_import_briefqa_imports_nothing_heavy() -> None:
    code = (
        "import sys, briefqa\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'gradio', 'numpy', 'faiss', 'yaml', 'sqlite3')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_exists() -> None:
    import briefqa

    assert {name: getattr(briefqa, name) for name in briefqa.__all__}
    assert callable(briefqa.build) and callable(briefqa.retrieve) and callable(briefqa.open)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = briefqa.nothing
