"""A question that is asked again is not embedded again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from conftest import BigramEncoder

from briefqa.encoders.remembering import Remembering


class Counting(BigramEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def encode_query(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return super().encode_query(texts)


def test_the_rows_are_those_of_the_encoder_in_the_order_asked_for() -> None:
    plain, counting = BigramEncoder(), Counting()
    encoder = Remembering(counting)
    for texts in (["甲乙", "丙丁"], ["丙丁", "甲乙", "丙丁"], ["戊己", "甲乙"]):
        assert np.array_equal(encoder.encode_query(texts), plain.encode_query(texts))
    assert counting.asked == ["甲乙", "丙丁", "戊己"]
    assert encoder.encode_query([]).shape == (0, plain.dim)


def test_old_questions_are_forgotten_and_used_ones_kept() -> None:
    counting = Counting()
    encoder = Remembering(counting)
    encoder.encode_query(["often"])
    for number in range(100):
        encoder.encode_query([f"question {number}"])
        encoder.encode_query(["often"])
    assert counting.asked.count("often") == 1
    encoder.encode_query(["question 0"])
    assert counting.asked.count("question 0") == 2


def test_it_is_the_encoder_in_all_else() -> None:
    plain = BigramEncoder()
    encoder = Remembering(plain)
    assert (encoder.name, encoder.fingerprint, encoder.dim, encoder.max_tokens) == ("bigrams", "bigrams/1", 256, 120)
    assert encoder.count_tokens("甲乙丙") == 3
    assert np.array_equal(encoder.encode_document(["甲乙"]), plain.encode_document(["甲乙"]))
