"""What is measured of an encoder: the directions of languages, and how far apart it puts questions."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder

import briefqa
from briefqa.encoders.geometry import Geometry, load_geometry, measure
from briefqa.store import IndexReader

QUESTIONS: list[dict[str, str]] = [
    json.loads(line)
    for line in files("briefqa.encoders").joinpath("parallel.jsonl").read_text(encoding="utf-8").splitlines()
]
LANGUAGES = ["en", "zh", "es", "ar", "fr", "de", "ru", "pt", "ja", "ko", "it", "vi"]


class Toy:
    """Knows the parallel questions: a vector is what is asked, plus an offset for the language it is asked in."""

    name = "toy"
    fingerprint = "toy/1"
    max_tokens = 100

    def __init__(self, dim: int = 96, offset: float = 0.8, meaning: float = 1.0) -> None:
        """dim: of the space; its last three axes are kept free of meaning.

        offset: length of what a language adds. meaning: share of what is asked, the rest is the same in all.
        """
        self.dim = dim
        self.asked = 0
        draw = np.random.default_rng(7)
        self.meanings = draw.normal(size=(len(QUESTIONS), dim))
        self.meanings[:, -3:] = 0
        self.meanings /= np.linalg.norm(self.meanings, axis=1, keepdims=True)
        self.meanings *= meaning
        self.meanings[:, -3] = np.sqrt(1 - meaning**2)
        angles = np.arange(len(LANGUAGES)) * 2 * np.pi / len(LANGUAGES)
        self.offsets = np.zeros((len(LANGUAGES), dim))
        self.offsets[:, -2], self.offsets[:, -1] = offset * np.cos(angles), offset * np.sin(angles)
        self._place = {
            question[code]: (i, j) for i, question in enumerate(QUESTIONS) for j, code in enumerate(LANGUAGES)
        }

    def count_tokens(self, text: str) -> int:
        return len(text)

    def encode_query(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += 1
        places = [self._place[text] for text in texts]
        rows = np.stack([self.meanings[i] + self.offsets[j] for i, j in places])
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        return self.encode_query(texts)


def test_the_parallel_questions_are_32_in_twelve_languages() -> None:
    assert len(QUESTIONS) == 32
    assert all(list(question) == LANGUAGES for question in QUESTIONS)  # in this order: they are read as a matrix
    texts = [text for question in QUESTIONS for text in question.values()]
    assert len(set(texts)) == 384 and all(text.strip() == text != "" for text in texts)


def test_the_parallel_questions_are_in_the_script_of_their_language() -> None:
    scripts = {
        "zh": "\u4e00\u9fff",
        "ja": "\u3041\u30ff",
        "ko": "\uac00\ud7a3",
        "ar": "\u0620\u064a",
        "ru": "\u0430\u044f",
    }
    for question in QUESTIONS:
        for code, text in question.items():
            found = {name for name, (first, last) in scripts.items() if any(first <= char <= last for char in text)}
            assert (found - {"zh"} if code == "ja" else found) == {code} & scripts.keys(), text


def test_the_planted_directions_are_found() -> None:
    directions = measure(Toy()).directions
    assert directions.dtype == np.float32 and directions.shape == (2, 96)  # a third would be noise
    assert np.allclose(directions @ directions.T, np.eye(2), atol=1e-5)
    # Whatever the basis: what is projected on them is the plane of the last two axes.
    plane = np.eye(96)[-2:]
    assert np.allclose(plane @ directions.T @ directions, plane, atol=1e-4)


def test_without_its_language_a_question_is_the_same_in_all_languages() -> None:
    toy = Toy(dim=64)
    geometry = measure(toy)
    assert len(geometry.directions) == 2
    for question in QUESTIONS[:5]:
        rows = toy.encode_query(list(question.values()))
        bare = np.stack([geometry.without_language(row) for row in rows])
        assert bare.dtype == np.float32 and bare.shape == rows.shape
        assert np.abs(rows - rows[0]).max() > 0.3
        assert np.allclose(bare, bare[0], atol=1e-4) and np.allclose(bare[:, -2:], 0, atol=1e-4)


def test_questions_of_one_language_stay_as_far_apart_as_they_were() -> None:
    toy = Toy(dim=64)
    geometry = measure(toy)
    for code in LANGUAGES:
        rows = toy.encode_query([question[code] for question in QUESTIONS])
        bare = np.stack([geometry.without_language(row) for row in rows])
        before, after = (np.linalg.norm(one[:, None] - one[None], axis=2) for one in (rows, bare))
        assert before.max() > 0.5 and np.allclose(before, after, atol=1e-4)


def test_taking_the_language_away_twice_takes_nothing_more() -> None:
    geometry = measure(BigramEncoder())
    assert len(geometry.directions) == 8
    query = BigramEncoder().encode_query(["which chips are banned?"])[0]
    once = geometry.without_language(query)
    assert not np.allclose(once, query, atol=1e-3)
    assert np.allclose(geometry.directions @ once, 0, atol=1e-6)
    assert np.allclose(geometry.without_language(once), once, atol=1e-6)


@pytest.mark.parametrize("toy", [Toy(dim=31), Toy(dim=64, offset=0.0)], ids=["small space", "no languages"])
def test_where_there_are_no_directions_a_question_stays_as_it_is(toy: Toy) -> None:
    geometry = measure(toy)
    assert geometry.directions.shape == (0, toy.dim) and geometry.directions.dtype == np.float32
    query = toy.encode_query([QUESTIONS[0]["en"]])[0]
    assert np.array_equal(geometry.without_language(query), query)


def test_at_most_one_direction_in_32_is_taken() -> None:
    assert [len(measure(Toy(dim=dim)).directions) for dim in (31, 32, 63, 64)] == [0, 1, 1, 2]


def test_the_spread_is_that_of_the_cosines_of_different_questions() -> None:
    toy = Toy(dim=64, offset=0.0)
    pairs = np.triu_indices(32, 1)
    expected = (toy.meanings @ toy.meanings.T)[pairs].std()
    assert measure(toy).spread == pytest.approx(expected, rel=1e-4) and expected > 0.1


@pytest.mark.parametrize("meaning", [0.9, 0.5, 0.1])
def test_the_spread_shrinks_with_the_cosines(meaning: float) -> None:
    whole, part = measure(Toy(offset=0.0)), measure(Toy(offset=0.0, meaning=meaning))
    assert part.spread == pytest.approx(meaning**2 * whole.spread, rel=1e-3) and part.spread > 0


def test_the_spread_is_that_of_questions_without_their_language() -> None:
    encoder = BigramEncoder()
    geometry = measure(encoder)
    pairs = np.triu_indices(32, 1)
    spreads, as_asked = [], []
    for code in LANGUAGES:
        rows = encoder.encode_query([question[code] for question in QUESTIONS])
        bare = np.stack([geometry.without_language(row) for row in rows])
        spreads.append((bare @ bare.T)[pairs].std())
        as_asked.append((rows @ rows.T)[pairs].std())
    assert geometry.spread == pytest.approx(np.mean(spreads), rel=1e-4)
    assert geometry.spread != pytest.approx(np.mean(as_asked), rel=1e-3)


def test_languages_add_nothing_to_the_spread() -> None:
    # A vector of length 1 has 1 / (1 + offset²) of a cosine left for what is asked.
    alone, offset = measure(Toy(dim=64, offset=0.0)), measure(Toy(dim=64, offset=1.0))
    assert offset.spread == pytest.approx(alone.spread / 2, rel=1e-3)


def test_an_encoder_is_measured_once_and_what_was_kept_is_read_back(tmp_path: Path) -> None:
    first, second = Toy(), Toy()
    measured, read = load_geometry(first, tmp_path), load_geometry(second, tmp_path)
    assert first.asked > 0 and second.asked == 0
    expected = measure(Toy())
    for geometry in (measured, read):
        assert isinstance(geometry, Geometry) and geometry.directions.dtype == np.float32
        assert np.array_equal(geometry.directions, expected.directions) and geometry.spread == expected.spread


def test_other_weights_are_measured_for_themselves(tmp_path: Path) -> None:
    load_geometry(Toy(), tmp_path)
    other = Toy(meaning=0.5)
    other.fingerprint = "toy/2"
    assert load_geometry(other, tmp_path).spread == measure(Toy(meaning=0.5)).spread
    assert other.asked > 0
    assert load_geometry(Toy(), tmp_path).spread == measure(Toy()).spread


def test_a_damaged_measurement_is_made_again(tmp_path: Path) -> None:
    load_geometry(Toy(), tmp_path)
    for path in tmp_path.rglob("*.npy"):
        path.write_bytes(b"damaged")
    toy = Toy()
    assert np.array_equal(load_geometry(toy, tmp_path).directions, measure(Toy()).directions) and toy.asked > 0


def test_an_encoder_is_measured_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for _ in range(2):
        toy = Toy()
        assert load_geometry(toy, tmp_path / "file" / "cache").spread == measure(Toy()).spread and toy.asked == 1


def test_an_index_keeps_what_was_measured_of_its_encoder(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    expected = measure(encoder)

    def kept() -> Geometry:
        with closing(IndexReader(index)) as reader, reader.snapshot() as snapshot:
            return snapshot.geometry

    assert np.array_equal(kept().directions, expected.directions) and kept().spread == expected.spread
    (corpus / "policy.md").write_text("# Other\n\nOther text.\n", encoding="utf-8")
    briefqa.build(corpus, index, encoder=encoder)
    assert np.array_equal(kept().directions, expected.directions) and kept().spread == expected.spread


def test_a_full_build_measures_its_new_encoder(corpus: Path, index: Path) -> None:
    class Other(BigramEncoder):
        name = fingerprint = "other"

        def _encode(self, texts: Sequence[str]) -> np.ndarray:
            rows = np.zeros((len(texts), 40), dtype=np.float32)
            for row, text in zip(rows, texts, strict=True):
                row[:] = np.random.default_rng(zlib.crc32(text.encode())).normal(size=40)
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    briefqa.build(corpus, index, encoder=Other(), full=True)
    with closing(IndexReader(index)) as reader, reader.snapshot() as snapshot:
        assert snapshot.geometry.directions.shape == (1, 40)
        assert snapshot.geometry.spread == measure(Other()).spread
    with briefqa.open(index, encoder=Other()) as qa:
        assert qa.retrieve("Blackwell", k=1)[0].anchor == "banned"
