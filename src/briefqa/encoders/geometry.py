"""What is measured of an encoder before it ranks: where it puts languages, and how far apart it puts texts.

    geometry = measure(encoder)
    query = geometry.without_language(encoder.encode_query(["which chips are banned?"])[0])

The same 32 questions in twelve languages (`parallel.jsonl`, written for this) are embedded. The means of the languages
differ in a few directions, which say in what language a text is and nothing of its subject; what a question has of
them only draws it to texts in its own language, or away from all others (Yang et al. 2021, "A simple and effective
method to eliminate the self language bias in multilingual representations"). How much the cosines of unrelated
questions spread is the unit in which other evidence is weighed against cosines: .026 for the bundled encoder, .08 for
USE alone. Their mean is what a text scores that has nothing to do with a question, the same in all languages to .001.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from briefqa.prepared import prepared

if TYPE_CHECKING:
    from briefqa.encoders import Encoder

_FORMAT = 2  # count up when what is measured changes
# Share of the dimensions that may be language directions at most: a small space has none to spare.
_MOST_DIRECTIONS = 1 / 32
# For an encoder that puts all texts in one place: what has no weight beside its cosines still has some by itself.
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True)
class Geometry:
    """directions: float32 (k, dim), orthonormal; k may be 0. spread, unrelated: standard deviation and mean of the
    cosines of unrelated questions.
    """

    directions: np.ndarray
    spread: float
    unrelated: float

    def without_language(self, query: np.ndarray) -> np.ndarray:
        """Return the query (dim,) without what it has of the language directions."""
        return np.asarray(query - self.directions.T @ (self.directions @ query), dtype=np.float32)


def parallel_questions() -> list[dict[str, str]]:
    """Return questions about anything, each by language: "en", "zh", …"""
    lines = files("briefqa.encoders").joinpath("parallel.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def measure(encoder: Encoder) -> Geometry:
    """Embed the parallel questions and measure the encoder."""
    questions = parallel_questions()
    rows = encoder.encode_query([text for question in questions for text in question.values()])
    rows = rows.reshape(len(questions), -1, rows.shape[1])  # (questions, languages, dim)
    means = rows.mean(axis=0)
    _, sizes, directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    most = min(len(means) - 1, int(rows.shape[2] * _MOST_DIRECTIONS), int((sizes > 1e-4).sum()))
    directions = directions[:most]
    rows = rows - rows @ directions.T @ directions
    pairs = np.triu_indices(len(questions), 1)
    cosines = [(same @ same.T)[pairs] for same in rows.transpose(1, 0, 2)]
    spread = max(float(np.mean([values.std() for values in cosines])), _LEAST_SPREAD)
    return Geometry(np.asarray(directions, dtype=np.float32), spread, float(np.mean(cosines)))


def load_geometry(encoder: Encoder, cache_dir: Path) -> Geometry:
    """Return the encoder's geometry, measured once and kept in cache_dir."""
    measured: list[Geometry] = []

    def write(folder: Path) -> None:
        measured.append(measure(encoder))
        np.save(folder / "directions.npy", measured[0].directions)
        cosines = {"spread": measured[0].spread, "unrelated": measured[0].unrelated}
        (folder / "cosines.json").write_text(json.dumps(cosines), encoding="utf-8")

    folder = prepared(cache_dir / f"geometry-{_FORMAT}-{zlib.crc32(encoder.fingerprint.encode()):08x}", write)
    if measured:
        return measured[0]
    if folder is None:
        return measure(encoder)
    cosines = json.loads((folder / "cosines.json").read_text(encoding="utf-8"))
    return Geometry(np.load(folder / "directions.npy"), **cosines)
