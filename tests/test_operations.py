"""What an operator sees: the log as JSON, records of questions, metrics."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BigramEncoder, Run
from scripted import fails, serving
from served import open_client

import briefqa
from briefqa.logs import JsonLines, fields, log_as_json
from briefqa.stages import Record, Watch

SECRET = "H200的出口有什么条件？"


@pytest.fixture
def plain_logging() -> Iterator[None]:
    """Put the log back as it was."""
    root, own = logging.getLogger(), logging.getLogger("briefqa")
    handlers, levels = list(root.handlers), (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


def json_lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_question_is_a_json_line_with_its_stages_and_without_its_words(
    index: Path, encoder: BigramEncoder, plain_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log_as_json()
    with briefqa.open(index, encoder) as qa:
        answer = qa.ask(SECRET)
        qa.retrieve(SECRET, k=2)
        with pytest.raises(briefqa.QuestionError):
            qa.ask(" ")
    err = capsys.readouterr().err
    asked, found, invalid = json_lines(err)
    assert (asked["message"], asked["outcome"]) == ("ask", "quoted" if answer.answered else "refused")
    assert (found["message"], found["outcome"], found["hits"]) == ("retrieve", "found", 2)
    assert invalid["outcome"] == "invalid"
    stages = asked["stages"]
    assert isinstance(stages, dict) and list(stages) == ["understand", "rank", "compose"]
    assert 0 < sum(stages.values()) <= float(str(asked["seconds"])) + 0.001
    assert asked["generation"] == 1 and asked["level"] == "info" and str(asked["time"]).endswith("+00:00")
    assert SECRET not in err and "H200" not in err


def test_a_build_is_a_json_line_with_its_report(run: Run, corpus: Path, tmp_path: Path, plain_logging: None) -> None:
    (corpus / "bad.md").write_text("---\ntitle: [\n---\n", encoding="utf-8")
    status, out, err = run("build", corpus, "--index", tmp_path / "i", "--log-json", "--json")
    (line,) = json_lines(err)
    assert status == 0 and (line["message"], line["articles_added"]) == ("build", 3)
    assert line["problems"] == json.loads(out)["problems"] and line["problems"]


def test_a_line_of_the_log_is_one_line_whatever_is_in_it() -> None:
    record = logging.LogRecord("briefqa.x", logging.WARNING, "x.py", 1, "two\nlines \x9b %s", ("\u202e",), None)
    record.__dict__.update(fields(path=Path("a\nb"), count=3))
    line = JsonLines().format(record)
    assert "\n" not in line and "\x9b" not in line and "\u202e" not in line
    told = json.loads(line)
    assert (told["message"], told["path"], told["count"]) == ("two\nlines \x9b \u202e", "a\nb", 3)


def test_an_exception_keeps_its_traceback_in_the_line(plain_logging: None, capsys: pytest.CaptureFixture[str]) -> None:
    log_as_json()
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("briefqa.x").exception("it failed")
    (line,) = json_lines(capsys.readouterr().err)
    assert line["message"] == "it failed" and "ValueError: why" in str(line["traceback"])


def test_observers_are_told_the_outcome_of_every_question(index: Path, encoder: BigramEncoder) -> None:
    with serving(fails(500)) as server:
        endpoint = briefqa.Endpoint(server.url, "tiny")
        with briefqa.open(index, encoder, endpoint) as qa:
            records: list[Record] = []
            qa.observers.append(records.append)
            answer = qa.ask(SECRET)
            assert answer.answered and answer.notice
            asked = qa.ask_stream(SECRET)
            next(asked)
            del asked  # whoever asked has gone
            qa.quote(SECRET)  # what the chat tries by itself is nobody's question
    assert [record.outcome for record in records] == ["unworded", "left"]
    assert {"reword", "write"} <= set(records[0].stages)


def test_a_failure_is_counted_as_one() -> None:
    records: list[Record] = []
    with pytest.raises(RuntimeError), Watch("ask", [records.append]):
        raise RuntimeError
    assert [record.outcome for record in records] == ["failed"]


def test_metrics_count_questions_and_tell_how_far_the_index_is_behind(
    index: Path, corpus: Path, encoder: BigramEncoder
) -> None:
    with open_client(index, encoder) as client:
        told = client.get("/metrics")
        assert told.headers["content-type"].startswith("text/plain")
        assert "briefqa_articles 3.0" in told.text and "briefqa_articles_behind 0.0" in told.text
        (corpus / "new.md").write_text("A new brief.\n", encoding="utf-8")
    with open_client(index, encoder) as client:
        client.post(
            "/gradio_api/run/ask", json={"data": [SECRET, [], "", "", [], "", []]}, headers={"host": "127.0.0.1"}
        )
        text = client.get("/metrics").text
    assert "briefqa_articles_behind 1.0" in text
    assert 'briefqa_question_seconds_count{kind="ask"} 1.0' in text and 'briefqa_stage_seconds_bucket{le="' in text
    assert 'stage="rank"' in text
