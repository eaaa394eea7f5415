"""What a build would do is said without doing it, and is then what it does; what is left behind is found."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import POLICY, VENDORS, BigramEncoder

import briefqa
from briefqa.indexing import Builder
from briefqa.planning import find_lag, plan
from briefqa.store import open_writer

BAD = "---\ntitle: [broken\n---\n\ntext\n"


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, without what SQLite keeps for readers."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".db-shm", ".db-wal"}
    }


def change_much(corpus: Path) -> None:
    (corpus / "policy.md").write_text(POLICY.replace("Rubin芯片仍", "Rubin芯片依然"), encoding="utf-8")
    (corpus / "new.md").write_text("# New\n\nSomething new. And more of it.\n", encoding="utf-8")
    (corpus / "bad.md").write_text(BAD, encoding="utf-8")
    (corpus / "weather.md").unlink()


@pytest.mark.both_stores
def test_a_plan_is_what_the_build_then_does(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    change_much(corpus)
    planned = plan(corpus, index, encoder)
    report = briefqa.build(corpus, index, encoder)
    assert planned.articles_added == ("new",)
    assert planned.articles_changed == ("policy",)
    assert planned.articles_removed == ("weather",)
    assert (planned.chunks_to_embed, planned.chunks_reused) == (report.chunks_embedded, report.chunks_reused) == (2, 2)
    assert planned.articles_unchanged == report.articles_unchanged == 1
    assert planned.problems == report.problems and [problem.path for problem in planned.problems] == ["bad.md"]
    assert planned.reason == ""


def test_a_plan_writes_nothing_and_embeds_nothing(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    change_much(corpus)
    encoder.embedded.clear()
    before = contents(corpus.parent)
    plan(corpus, index, encoder)
    plan(corpus, index, encoder, full=True)
    find_lag(corpus, index)
    assert contents(corpus.parent) == before and encoder.embedded == []


@pytest.mark.both_stores
def test_a_plan_without_an_index_adds_everything_and_makes_no_folder(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    planned = plan(corpus, tmp_path / "none", encoder)
    assert planned.articles_added == ("industry/vendors", "policy", "weather") and planned.articles_removed == ()
    assert (planned.chunks_to_embed, planned.chunks_reused) == (4, 0) and "no index yet" in planned.reason
    assert find_lag(corpus, tmp_path / "none").behind
    assert not (tmp_path / "none").exists()


@pytest.mark.both_stores
def test_a_full_build_is_planned_as_one(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    planned, report = plan(corpus, index, encoder, full=True), briefqa.build(corpus, index, encoder, full=True)
    assert len(planned.articles_added) == report.articles_added == 3
    assert planned.chunks_to_embed == report.chunks_embedded == 4 and planned.reason


@pytest.mark.both_stores
def test_a_plan_goes_on_while_a_build_holds_the_index(
    corpus: Path, index: Path, encoder: BigramEncoder, store: str
) -> None:
    with open_writer(index, store):
        assert plan(corpus, index, encoder).articles_unchanged == 3


@pytest.mark.both_stores
def test_other_rules_are_a_reason_to_read_all_articles_and_to_embed_none(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("indexing", "planning"):
        monkeypatch.setattr(f"briefqa.{module}.TERMS", "other rules")
    planned = plan(corpus, index, encoder)
    assert len(planned.articles_changed) == 3 and (planned.chunks_to_embed, planned.chunks_reused) == (0, 4)
    assert planned.reason and find_lag(corpus, index).behind and find_lag(corpus, index).changed == ()
    assert briefqa.build(corpus, index, encoder).articles_updated == 3
    assert not find_lag(corpus, index).behind


@pytest.mark.both_stores
def test_another_encoder_is_refused_as_the_build_refuses_it(corpus: Path, index: Path) -> None:
    other = BigramEncoder()
    other.name = "other"
    with pytest.raises(briefqa.EncoderMismatchError, match=r"bigrams.*other.*--full"):
        plan(corpus, index, other)
    assert plan(corpus, index, other, full=True).chunks_to_embed == 4
    assert "bigrams" in find_lag(corpus, index, "other").reason


@pytest.mark.both_stores
def test_the_same_text_twice_is_planned_to_be_embedded_once_in_each_batch(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.indexing._PASSAGES_A_BATCH", 1)
    for name in ("a", "b"):
        (corpus / f"{name}.md").write_text("---\ntitle: Same\n---\n\nThe same text.\n", encoding="utf-8")
    planned, report = plan(corpus, index, encoder), briefqa.build(corpus, index, encoder)
    assert (planned.chunks_to_embed, planned.chunks_reused) == (report.chunks_embedded, report.chunks_reused) == (1, 5)


@pytest.mark.both_stores
def test_an_index_is_behind_by_what_changed_and_not_by_what_still_cannot_be_read(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    assert not find_lag(corpus, index).behind
    change_much(corpus)
    lag = find_lag(corpus, index)
    assert (lag.added, lag.changed, lag.removed) == (("bad.md", "new.md"), ("policy",), ("weather",))
    briefqa.build(corpus, index, encoder)
    assert not find_lag(corpus, index).behind
    (corpus / "bad.md").write_text("# Good\n\nNow it can be read.\n", encoding="utf-8")
    assert find_lag(corpus, index).added == ("bad.md",)


def test_a_build_that_finds_nothing_new_leaves_the_index_byte_for_byte(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "bad.md").write_text(BAD, encoding="utf-8")
    briefqa.build(corpus, index, encoder)
    before = contents(index)
    briefqa.build(corpus, index, encoder)
    assert contents(index) == before


# What is embedded again


def embedded_by(corpus: Path, index: Path, encoder: BigramEncoder) -> list[str]:
    encoder.embedded.clear()
    briefqa.build(corpus, index, encoder)
    return encoder.embedded


@pytest.mark.both_stores
def test_a_sentence_that_is_added_costs_its_section_and_itself(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "policy.md").write_text(POLICY + "\n此外还有新规。\n", encoding="utf-8")
    section, sentence = sorted(embedded_by(corpus, index, encoder), key=len, reverse=True)
    assert "Blackwell" in section and "此外还有新规。" in section
    assert "此外还有新规。" in sentence and "Blackwell" not in sentence


@pytest.mark.both_stores
def test_a_row_that_is_added_costs_its_table_and_itself(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    (corpus / "industry" / "vendors.md").write_text(VENDORS + "| 海光 | 处理器 |\n", encoding="utf-8")
    texts = embedded_by(corpus, index, encoder)
    assert len(texts) == 2 and all("海光" in text for text in texts) and sum("寒武纪" in text for text in texts) == 1


@pytest.mark.both_stores
def test_what_is_not_embedded_costs_nothing_when_it_changes(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    text = POLICY.replace("date: 2025-12-15", "date: 2025-12-16").replace("tags: [芯片, 出口]", "tags: [贸易]")
    (corpus / "policy.md").write_text(text.replace("{#banned}", "{#still-banned}"), encoding="utf-8")
    assert embedded_by(corpus, index, encoder) == []
    with briefqa.open(index, encoder) as qa:
        hit = qa.retrieve("Blackwell", k=1)[0]
        assert (hit.anchor, hit.date) == ("still-banned", "2025-12-16")


@pytest.mark.both_stores
def test_sections_that_change_places_or_articles_cost_nothing(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    start, end = POLICY.index("获批"), POLICY.index("## ")
    head, conditions, banned = POLICY[:start], POLICY[start:end], POLICY[end:]
    (corpus / "policy.md").write_text(f"{head}{banned}\n{conditions}", encoding="utf-8")
    assert embedded_by(corpus, index, encoder) == []
    (corpus / "policy.md").write_text(f"{head}{conditions}", encoding="utf-8")
    (corpus / "second.md").write_text(f"{head}{banned}", encoding="utf-8")
    (corpus / "third.md").write_text(f"{head}{banned}", encoding="utf-8")
    assert embedded_by(corpus, index, encoder) == []


@pytest.mark.both_stores
def test_moving_a_folder_of_articles_embeds_nothing(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    (corpus / "industry").rename(corpus / "companies")
    (corpus / "policy.md").rename(corpus / "companies" / "policy.markdown")
    assert embedded_by(corpus, index, encoder) == []
    with briefqa.open(index, encoder) as qa:
        hits = qa.retrieve("Blackwell", k=9)
        assert {hit.article for hit in hits} == {"companies/vendors", "companies/policy", "weather"}


@pytest.mark.both_stores
def test_a_builder_reads_untouched_files_once(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = Builder(corpus, index, encoder)
    for path in corpus.rglob("*.md"):
        os.utime(path, (1e9, 1e9))
    read: list[str] = []
    monkeypatch.setattr(builder._digests, "_unsettled", 0)
    digest = builder._digests._digest
    monkeypatch.setattr(builder._digests, "_digest", lambda path: read.append(path.name) or digest(path))
    assert builder.build().articles_unchanged == 3 and len(read) == 3
    (corpus / "policy.md").write_text(POLICY.replace("H200", "H300"), encoding="utf-8")
    assert builder.build().articles_updated == 1
    assert builder.build().articles_unchanged == 3
    assert set(read[3:]) == {"policy.md"}


@pytest.mark.both_stores
def test_what_is_unfinished_stays_in_the_index_as_it_is(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    (corpus / "policy.md").write_text(BAD, encoding="utf-8")
    (corpus / "new.md").write_text("# New\n", encoding="utf-8")
    (corpus / "weather.md").write_text("# Weather\n\nSnow in Ath", encoding="utf-8")
    asked: list[tuple[str, bool]] = []

    def unfinished(path: Path, error: Exception | None) -> bool:
        asked.append((path.name, error is not None))
        return error is not None or path.name == "weather.md"

    report = Builder(corpus, index, encoder).build(unfinished=unfinished)
    assert (report.articles_unchanged, report.articles_updated, report.articles_removed) == (3, 0, 0)
    assert report.problems == () and ("weather.md", False) in asked and ("policy.md", True) in asked
    report = Builder(corpus, index, encoder).build()
    assert (report.articles_updated, report.articles_removed, len(report.problems)) == (1, 1, 2)


# The command line


@pytest.mark.both_stores
def test_a_dry_run_lists_what_would_be_done(run, corpus: Path, index: Path) -> None:  # type: ignore[no-untyped-def]
    change_much(corpus)
    (corpus / "industry" / "vendors.md").rename(corpus / "industry" / "sellers.md")
    status, out, err = run("build", corpus, "--index", index, "--encoder", "bigrams", "--dry-run")
    assert status == 0 and out.splitlines() == [
        "add    industry/sellers",
        "add    new",
        "update policy",
        "remove industry/vendors",
        "remove weather",
        "2 articles would be added, 1 updated, 2 removed, 0 unchanged; 2 chunks embedded, 2 reused",
    ]
    assert err.startswith("bad.md:")
    planned = json.loads(run("build", corpus, "--index", index, "--dry-run", "--json")[1])
    assert planned["articles_removed"] == ["industry/vendors", "weather"] and planned["problems"][0]["path"] == "bad.md"


def test_a_check_returns_1_when_the_index_is_behind_and_needs_no_encoder(  # type: ignore[no-untyped-def]
    run, corpus: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.planning.load_encoder", lambda *_: 1 / 0)
    assert run("build", corpus, "--index", index, "--check") == (0, "up to date\n", "")
    change_much(corpus)
    status, out, err = run("build", corpus, "--index", index, "--check")
    assert (status, out, err) == (1, "behind: 2 articles to add, 1 to update, 1 to remove\n", "")
    status, out, _ = run("build", corpus, "--index", index, "--check", "--json")
    assert status == 1 and json.loads(out) == {
        "behind": True,
        "added": ["bad.md", "new.md"],
        "changed": ["policy"],
        "removed": ["weather"],
        "reason": "",
    }
    status, out, _ = run("build", corpus, "--index", tmp_path / "none", "--check")
    assert status == 1 and "no index yet" in out and not (tmp_path / "none").exists()


@pytest.mark.parametrize("other", ["--dry-run", "--full"])
def test_a_check_goes_with_no_other_way_to_build(run, corpus: Path, other: str) -> None:  # type: ignore[no-untyped-def]
    status, out, err = run("build", corpus, "--check", other)
    assert (status, out) == (2, "") and "give one" in err


def test_hostile_names_are_printed_on_one_line(run, corpus: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (corpus / "a\x1b[31m.md").write_text("# A\n\nText.\n", encoding="utf-8")
    _, out, err = run("build", corpus, "--index", tmp_path / "index", "--dry-run")
    assert "\x1b" not in out + err
