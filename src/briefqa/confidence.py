"""How probable it is that the corpus answers a question.

    SHIPPED.probability(measure_signals(ranking))       # 0..1; an answer is given from ANSWERED_FROM on

Two logistic models of six signals each, for hits in the question's own language and for foreign ones, in which only
translations of its words can be found. `calibration.py` fits the constants, for a world in which the corpus answers
68 of 100 questions in its own language and 72 of 100 in others.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from briefqa.ranking import Ranking

# Candidates that the best one is compared with. Where there are fewer, what unrelated texts score takes their places,
# so that a corpus of one section can refuse and a margin means the same in large and small ones.
_BACKGROUND = 50
# Added before a logarithm is taken: differences below are noise. In spreads, and as a share of a question's words.
_LEAST_MARGIN = 0.5
_LEAST_LEAD = 0.2
_LEAST_SHARE = 0.1
# A wrong refusal hides an answer, a doubtful answer shows its quotes: it is given where it is more probable than not.
ANSWERED_FROM = 0.5
SIGNALS = ("margin", "lead", "closeness", "held", "reach", "missing")


@dataclass(frozen=True, slots=True)
class Signals:
    """What a ranking says of whether it answers. values: (6,) float64, in the order of SIGNALS.

    margin: how far the best candidate's evidence stands above the mean of the others', and lead: above the second's by
    cosines alone, as logarithms, in spreads. closeness: of the first hit above unrelated texts, in spreads. held,
    reach: as logarithms, missing, foreign: see Ranking.
    """

    values: np.ndarray
    foreign: bool


def measure_signals(ranking: Ranking) -> Signals:
    """Measure the signals of a ranking that has hits."""
    others = np.full(_BACKGROUND - 1, ranking.unrelated)
    found = ranking.evidence[1:_BACKGROUND]
    others[: len(found)] = found
    margin = (float(ranking.evidence[0]) - float(others.mean())) / ranking.spread
    values = (
        math.log(max(margin, 0.0) + _LEAST_MARGIN),
        math.log(ranking.lead / ranking.spread + _LEAST_LEAD),
        (ranking.closeness - ranking.unrelated) / ranking.spread,
        math.log(ranking.held + _LEAST_SHARE),
        math.log(ranking.reach + _LEAST_SHARE),
        ranking.missing,
    )
    return Signals(np.array(values), ranking.foreign)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The constants of the confidence.

    own, foreign: (7,) an intercept and a weight for each of SIGNALS, for hits in the question's language and others.
    """

    own: tuple[float, ...]
    foreign: tuple[float, ...]

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Read what `to_json` wrote; the shipped constants for ""."""
        if not text:
            return SHIPPED
        values = json.loads(text)
        return cls(tuple(values["own"]), tuple(values["foreign"]))

    def to_json(self) -> str:
        """Write the constants as JSON."""
        return json.dumps(asdict(self))

    def probability(self, signals: Signals) -> float:
        """Return the probability, 0..1, that the corpus answers."""
        weights = self.foreign if signals.foreign else self.own
        above = weights[0] + float(np.dot(weights[1:], signals.values))
        return 1 / (1 + math.exp(-min(max(above, -50.0), 50.0)))


# Printed by benchmarks/calibration.py; docs/answers.md says what they were fitted to.
SHIPPED = Calibration(
    own=(-4.097, 4.392, 0.386, 0.297, 2.520, -1.163, -1.508),
    foreign=(-1.346, 2.220, 0.211, 0.755, 0.995, -0.812, -1.882),
)
