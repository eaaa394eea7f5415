"""`briefqa verify`: a saved answer against today's corpus, whatever the file holds."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder, Run
from hypothesis import given, settings
from hypothesis import strategies as st

import briefqa
from briefqa.answer import Answer
from briefqa.errors import BriefqaError, SavedAnswerError
from briefqa.saved import SavedAnswer, parse_saved
from briefqa.verification import verify

QUESTION = "Blackwell系列与Rubin芯片仍在禁止清单上？"
BANNED = "Blackwell系列与Rubin芯片仍在禁止清单上。"


@pytest.fixture
def answer(index: Path, encoder: BigramEncoder) -> Answer:
    with briefqa.open(index, encoder=encoder) as qa:
        return qa.ask(QUESTION)


@pytest.fixture
def saved(answer: Answer, tmp_path: Path) -> Path:
    return save(tmp_path / "answer.json", dataclasses.asdict(answer))


def save(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


# What the command says.


def test_a_good_answer_is_ok_and_the_articles_are_named(run: Run, index: Path, corpus: Path, saved: Path) -> None:
    status, out, err = run("verify", saved, "--index", index)
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert lines[0] == "ok            [1] policy#banned"
    assert lines[-1].endswith(f"citations are good, checked against the articles in {corpus}")


def test_what_the_command_line_printed_can_be_verified(run: Run, index: Path, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(run("ask", QUESTION, "--index", index, "--json")[1], encoding="utf-8")
    assert run("verify", tmp_path / "answer.json", "--index", index)[0] == 0


def test_each_citation_has_a_line_and_the_place_where_it_stands_now(
    run: Run, index: Path, corpus: Path, answer: Answer, tmp_path: Path
) -> None:
    good = answer.citations[0]
    start, end = good.start, good.end
    moved = dataclasses.replace(good, number=2, article="weather", revision="")
    invented = dataclasses.replace(good, number=3, quote="Rubin芯片已获批准。")
    answer = dataclasses.replace(answer, citations=(good, moved, invented), text="a [1] b [2] c [3]")
    saved = save(tmp_path / "answer.json", dataclasses.asdict(answer))
    status, out, _ = run("verify", saved, "--index", index)
    assert status == 1
    assert out.splitlines()[:3] == [
        "ok            [1] policy#banned",
        "misattributed [2] weather#banned: weather has no section #banned: it stands in policy#banned, "
        f"characters {start}–{end}",
        "fabricated    [3] policy#banned: the quote does not stand there, and no article says this",
    ]
    rewrite(corpus / "policy.md", BANNED, f"注意！{BANNED}")
    status, out, _ = run("verify", saved, "--index", index)
    assert status == 1
    assert out.splitlines()[0] == (
        "stale         [1] policy#banned: the article changed since it was quoted: it stands now in policy#banned, "
        f"characters {start + 3}–{end + 3}"
    )
    assert out.splitlines()[-1].startswith("0 of 3 citations are good")


def test_programs_read_json(run: Run, index: Path, corpus: Path, saved: Path) -> None:
    rewrite(corpus / "policy.md", BANNED, f"注意！{BANNED}")
    status, out, _ = run("verify", saved, "--index", index, "--json")
    report = json.loads(out)
    check = report["answers"][0]["citations"][0]
    assert (status, report["good"]) == (1, False) and str(corpus) in report["against"]
    assert (check["failure"], check["found"][0]["anchor"], check["citation"]["quote"]) == ("stale", "banned", BANNED)


def test_an_answer_is_read_from_standard_input(
    run: Run, index: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(saved.read_bytes())))
    assert run("verify", "-", "--index", index)[0] == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    status, _, err = run("verify", "-", "--index", index)
    assert status == 1 and err.startswith("briefqa: standard input:1: not JSON")


def test_without_the_articles_the_index_is_what_counts(run: Run, index: Path, corpus: Path, saved: Path) -> None:
    rewrite(corpus / "policy.md", BANNED, "没有了。")
    corpus.rename(corpus.parent / "moved")
    status, out, _ = run("verify", saved, "--index", index)
    assert status == 0 and f"against the index in {index}, generation 1 ({corpus} is not there)" in out
    status, out, _ = run("verify", saved, corpus.parent / "moved", "--index", index)
    assert status == 1 and f"against the articles in {corpus.parent / 'moved'}" in out


def test_a_corpus_that_is_named_needs_no_index(run: Run, corpus: Path, saved: Path, tmp_path: Path) -> None:
    assert run("verify", saved, corpus, "--index", tmp_path / "none")[0] == 0
    for args in ((saved, tmp_path / "none"), (saved, "--index", tmp_path / "none"), (tmp_path / "none",)):
        status, out, err = run("verify", *args)
        assert (status, out) == (1, "") and len(err.splitlines()) == 1 and "Traceback" not in err


def test_an_index_that_is_behind_its_articles_misleads_nobody(
    run: Run, index: Path, corpus: Path, answer: Answer, tmp_path: Path
) -> None:
    rain, moved = ("It rained in Paris.", "The sun shone in Rome.")
    asked = dataclasses.replace(answer.citations[0], article="none", anchor="", header=(), revision="")
    both = [dataclasses.replace(asked, quote=rain), dataclasses.replace(asked, quote=moved, number=2)]
    saved = save(tmp_path / "c.json", [dataclasses.asdict(citation) for citation in both])
    assert run("verify", saved, "--index", index)[1].count("it stands in weather#weather") == 2
    rewrite(corpus / "weather.md", rain, "It snowed in Paris.")
    (corpus / "new.md").write_text(f"# New {{#new}}\n\n{moved}\n", encoding="utf-8")
    _, out, _ = run("verify", saved, "--index", index)
    assert out.splitlines()[0].startswith("fabricated    [1]")
    assert "it stands in new#new" in out.splitlines()[1] and out.splitlines()[1].endswith("and in 1 more")
    (corpus / "weather.md").unlink()
    assert run("verify", saved, "--index", index)[1].splitlines()[1].endswith("new#new, characters 14–36")


def test_an_article_that_cannot_be_read_is_named_with_its_line(
    run: Run, index: Path, corpus: Path, saved: Path
) -> None:
    rewrite(corpus / "policy.md", "title: ", "title: [")
    status, out, err = run("verify", saved, "--index", index)
    assert status == 1 and out.startswith("stale") and err.startswith("policy.md:")


# The shapes of a file.


def test_a_conversation_and_lists_are_verified_whole(run: Run, index: Path, answer: Answer, tmp_path: Path) -> None:
    refusal = dataclasses.replace(answer, question="Who won?", text="No answer.", answered=False, citations=())
    turns = [dataclasses.asdict(answer), dataclasses.asdict(refusal)]
    for shape in (turns, {"turns": turns}, {"turns": [{"question": "q", "answer": turn} for turn in turns], "x": 1}):
        status, out, _ = run("verify", save(tmp_path / "c.json", shape), "--index", index)
        assert status == 0 and f"answer 1: {QUESTION}" in out and "answer 2: Who won?" in out
    turns[1]["citations"] = turns[0]["citations"]
    status, out, _ = run("verify", save(tmp_path / "c.json", turns), "--index", index)
    assert status == 1 and "problem       a refusal cites nothing, and this one does" in out


def test_a_list_of_citations_is_verified_without_a_text(run: Run, index: Path, answer: Answer, tmp_path: Path) -> None:
    citations = dataclasses.asdict(answer)["citations"]
    for citation in citations:
        del citation["revision"]  # as older answers have none
    assert run("verify", save(tmp_path / "c.json", citations), "--index", index)[0] == 0


def test_a_section_that_the_saved_hits_do_not_hold_is_misattributed(
    run: Run, index: Path, answer: Answer, tmp_path: Path
) -> None:
    value = dataclasses.asdict(answer)
    value["hits"] = [hit for hit in value["hits"] if hit["anchor"] != "banned"]
    status, out, _ = run("verify", save(tmp_path / "a.json", value), "--index", index)
    assert status == 1 and "was not retrieved for this question" in out
    for hits in ([], None, [{"article": "policy", "anchor": "banned"}]):
        value["hits"] = hits
        assert run("verify", save(tmp_path / "a.json", value), "--index", index)[0] == 0
    del value["hits"]
    assert run("verify", save(tmp_path / "a.json", value), "--index", index)[0] == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a [1] [7]", "the text names [7], and there is no such citation"),
        ("a [01] [1]", "the text names [01], and there is no such citation"),
        (r"a \[1\]", "citation 1 is named nowhere in the text"),
        ("a", "citation 1 is named nowhere in the text"),
    ],
)
def test_markers_and_citations_must_belong_together(index: Path, answer: Answer, text: str, problem: str) -> None:
    one = dataclasses.replace(answer, text=text, citations=answer.citations[:1])
    verification = verify(one, index)
    assert not verification.good and verification.answers[0].problems == (problem,)
    assert verification.answers[0].citations[0].failure == ""


def test_numbers_are_given_once_and_an_answer_cites(index: Path, answer: Answer) -> None:
    twice = dataclasses.replace(answer, text="[1]", citations=answer.citations[:1] * 2)
    assert verify(twice, index).answers[0].problems == ("2 citations have the number 1",)
    none = dataclasses.replace(answer, text="a", citations=())
    assert verify(none, index).answers[0].problems == ("the answer cites nothing",)


# From Python.


def test_verify_takes_answers_and_files(index: Path, corpus: Path, answer: Answer, saved: Path) -> None:
    for given_answer in (answer, [answer, answer], saved, str(saved), [SavedAnswer.of(answer)]):
        verification = briefqa.verify(given_answer, index=index)
        assert verification.good and verification.against == f"the articles in {corpus}"
    assert len(verify([answer, answer], index).answers) == 2
    assert briefqa.verify(answer, corpus=corpus).good
    assert isinstance(verification, briefqa.Verification)
    assert isinstance(verification.answers[0].citations[0], briefqa.Check)
    with pytest.raises(briefqa.SavedAnswerError, match="no saved answer at"):
        briefqa.verify("none.json", index=index)


def test_what_is_read_is_what_was_saved(answer: Answer, saved: Path) -> None:
    (read,) = parse_saved(saved.read_bytes(), "a")
    assert read == SavedAnswer.of(answer)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_have_any_encoding_that_shells_write(saved: Path, answer: Answer, encoding: str) -> None:
    (read,) = parse_saved(saved.read_text("utf-8").encode(encoding), "a")
    assert read == SavedAnswer.of(answer)


# Files that are no answers.


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    citation = {
        "number": 1, "article": "policy", "anchor": "banned", "heading": "", "title": "", "date": "", "quote": "q",
        "header": [], "start": 0, "end": 1, "url": "",
    }  # fmt: skip
    value = {"question": "q", "text": "[1]", "answered": True, "citations": [citation], "hits": []}
    change(value)
    return json.dumps(value).encode()


def hit(**fields: object) -> bytes:
    return changed(lambda value: value.update(hits=[{"article": "policy", "anchor": "banned", **fields}]))


def setting(name: str, item: object) -> bytes:
    return changed(lambda value: value["citations"][0].update({name: item}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.json:1: not JSON"),
        (b"{\n  'a': 1}", "a.json:2: not JSON"),
        (b"\xff\xfe\xff", "a.json: not JSON"),
        (b"\x00\x01\x02\x80", "a.json"),
        (b"[" * 100_000, "a.json: nested too deep"),
        (b'{"a":' * 100_000, "a.json: nested too deep"),
        (b" " * 20_000_001, "a.json is larger than 20 MB"),
        (b"9" * 5_000, "a.json"),
        (b"null", "a.json: it is no answer and no list"),
        (b"1", "a.json: it is no answer and no list"),
        (b'"citations"', "a.json: it is no answer and no list"),
        (b"[]", "a.json: it is an empty list"),
        (b"{}", "a.json: citations is missing, it must be a list"),
        (b"[1]", "a.json: [0] is 1, not an object"),
        (b'{"turns": {}}', "a.json: turns is {}, not a list"),
        (b'{"turns": []}', "a.json: turns is an empty list"),
        (b'{"turns": [null]}', "a.json: turns[0] is null, not an object"),
        (b'{"turns": [{"answer": {"citations": 1}}]}', "a.json: turns[0].answer.citations is 1, not a list"),
        (b'[{"quote": "a"}]', "a.json: [0].number is missing, it must be a whole number"),
        (b'[{"quote": "a"}, 3]', "a.json: [0].number is missing"),
        (changed(lambda value: value.update(citations={})), "a.json: citations is {}, not a list"),
        (changed(lambda value: value.update(citations=[[]])), "a.json: citations[0] is [], not an object"),
        (changed(lambda value: value.update(text=7)), "a.json: text is 7, not text"),
        (changed(lambda value: value.update(question=None)), "a.json: question is null, not text"),
        (changed(lambda value: value.update(answered="yes")), 'a.json: answered is "yes", not true or false'),
        (changed(lambda value: value.update(hits="x")), 'a.json: hits is "x", not a list'),
        (changed(lambda value: value.update(hits=[1])), "a.json: hits[0] is 1, not an object"),
        (hit(spans=[{}]), "a.json: hits[0].spans[0].start is missing, it must be a whole number"),
        (hit(spans=[{"start": 0}]), "a.json: hits[0].spans[0].end is missing, it must be a whole number"),
        (hit(spans=[{"start": None}]), "a.json: hits[0].spans[0].start is null, not a whole number"),
        (hit(spans=[[]]), "a.json: hits[0].spans[0] is [], not an object"),
        (hit(article=None), "a.json: hits[0].article is null, not text"),
        (changed(lambda value: value.update(hits=[{"spans": []}])), "a.json: hits[0].article is missing, it must be"),
        (
            changed(lambda value: value["citations"][0].pop("url")),
            "a.json: citations[0].url is missing, it must be text",
        ),
        (setting("start", True), "a.json: citations[0].start is true, not a whole number"),
        (setting("start", 1.0), "a.json: citations[0].start is 1.0, not a whole number"),
        (setting("start", "1"), 'a.json: citations[0].start is "1", not a whole number'),
        (setting("end", None), "a.json: citations[0].end is null, not a whole number"),
        (setting("end", float("nan")), "a.json: not JSON (NaN is no number)"),
        (setting("end", float("inf")), "a.json: not JSON (Infinity is no number)"),
        (
            setting("end", 1).replace(b'"end": 1', b'"end": 1e999'),
            "a.json: citations[0].end is Infinity, not a whole number",
        ),
        (setting("number", [1]), "a.json: citations[0].number is [1], not a whole number"),
        (setting("quote", {"a": 1}), 'a.json: citations[0].quote is {"a": 1}, not text'),
        (setting("quote", ["x" * 1_000_000]), f'a.json: citations[0].quote is ["{"x" * 38}…, not text'),
        (
            b'{"format": "briefqa-conversation/2", "turns": []}',
            'a.json: format is "briefqa-conversation/2", this version',
        ),
        (setting("quote", "\ud83d"), "a.json: citations[0].quote is half a surrogate pair"),
        (setting("header", "ab"), 'a.json: citations[0].header is "ab", not a list'),
        (setting("header", [1]), "a.json: citations[0].header[0] is 1, not text"),
        (setting("revision", 0), "a.json: citations[0].revision is 0, not text"),
    ],
)
def test_a_file_that_is_no_answer_is_one_line_that_says_where_and_what_to_do(data: bytes, message: str) -> None:
    with pytest.raises(SavedAnswerError) as error:
        parse_saved(data, "a.json")
    line = str(error.value)
    assert line.startswith(message) and line.isprintable() and len(line) < 300
    assert "briefqa ask" in line and error.value.exit_status == 1


def test_too_many_citations_are_not_looked_for() -> None:
    with pytest.raises(SavedAnswerError, match="more than 10,000 citations"):
        parse_saved(changed(lambda value: value.update(citations=value["citations"] * 10_001)), "a.json")


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (9, 2), (0, 10**300), (-(10**300), 10**300)])
def test_offsets_that_lead_nowhere_are_a_failure_and_no_error(
    run: Run, index: Path, answer: Answer, tmp_path: Path, start: int, end: int
) -> None:
    citation = dataclasses.replace(answer.citations[0], start=start, end=end)
    saved = save(tmp_path / "a.json", [dataclasses.asdict(citation)])
    status, out, err = run("verify", saved, "--index", index)
    assert (status, err) == (1, "") and out.startswith("misattributed [1] policy#banned")


def test_what_a_file_says_cannot_write_to_the_terminal(run: Run, index: Path, answer: Answer, tmp_path: Path) -> None:
    evil = dataclasses.replace(
        answer.citations[0],
        number=10**4000,
        article="a\x1b]0;owned\x07\nok [1] all good\u202e",
        anchor="\r",
        quote="\x1b",
    )
    both = dataclasses.replace(answer, question="\x1b[2J\nq", citations=(evil,), text="[1]")
    saved = save(tmp_path / "a.json", [dataclasses.asdict(both), dataclasses.asdict(answer)])
    status, out, _ = run("verify", saved, "--index", index)
    assert status == 1 and out.replace("\n", "").isprintable()
    assert all(len(line) < 500 for line in out.splitlines())
    assert not any(line.startswith("ok [1] all") for line in out.splitlines())


def test_the_command_reads_no_more_than_a_limit(run: Run, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    status, _, err = run("verify", large, tmp_path)
    assert status == 1 and "larger than 20 MB" in err
    status, _, err = run("verify", tmp_path, tmp_path)
    assert status == 1 and "cannot be read (Is a directory)" in err


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["turns", "answer", "citations", "quote", "hits", "spans", "text", "start", "end", "header"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(JSON | st.binary())
def test_any_json_is_an_answer_or_a_saved_answer_error(value: Any) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        answers = parse_saved(data, "a.json")
    except BriefqaError as error:
        assert "\n" not in str(error)
        return
    assert all(isinstance(answer, SavedAnswer) for answer in answers)


# How long it takes.


def test_a_thousand_articles_are_searched_in_a_moment(tmp_path: Path, encoder: BigramEncoder) -> None:
    corpus = tmp_path / "many"
    corpus.mkdir()
    for number in range(1_000):
        paragraphs = "\n\n".join(f"第{number}篇的第{line}句话说的是**同样**的事情，不多也不少。" for line in range(9))
        (corpus / f"{number}.md").write_text(f"## 标题 {{#a}}\n\n{paragraphs}\n", encoding="utf-8")
    briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    with briefqa.open(tmp_path / "index", encoder=encoder) as qa:
        citation = dataclasses.replace(
            qa.ask("第777篇的第7句话").citations[0], quote="第777篇的第8句话说的是同样的事情，不多也不少。"
        )
    wrong = dataclasses.replace(citation, article="none", revision="")
    invented = dataclasses.replace(citation, quote="第777篇的第8句话说的是别样的事情，不多也不少。")
    answer = Answer("q", "[1] [2]", (wrong, dataclasses.replace(invented, number=2)), True, 1.0, ())
    for folder in (corpus, None):
        started = time.perf_counter()
        checks = verify(answer, tmp_path / "index", folder).answers[0].citations
        seconds = time.perf_counter() - started
        assert [check.failure for check in checks] == ["misattributed", "fabricated"]
        assert [place.article for place in checks[0].found] == ["777"]
        assert seconds < 5
        shutil.rmtree(corpus, ignore_errors=True)
