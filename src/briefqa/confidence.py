"""How probable it is that the corpus answers a question.

    SHIPPED.probability(measure_signals(ranking))       # 0..1; an answer is given from ANSWERED_FROM on

Two logistic models of five signals each, for hits in the question's own language and for foreign ones, in which only
translations of its words can be found. `calibration.py` fits the constants, for a world in which the corpus answers
seven of ten questions.
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
# Added before the logarithm is taken, in spreads: differences below are noise.
_LEAST_MARGIN = 0.5
# A wrong refusal hides an answer, a doubtful answer shows its quotes: it is given where it is more probable than not.
ANSWERED_FROM = 0.5
SIGNALS = ("margin", "closeness", "held", "reach", "missing")


@dataclass(frozen=True, slots=True)
class Signals:
    """What a ranking says of whether it answers. values: (5,) float64, in the order of SIGNALS.

    margin: logarithm of how far the best candidate's evidence stands above the mean of the others', in spreads.
    closeness: of the first hit above unrelated texts, in spreads. held, reach, missing, foreign: see Ranking.
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
        (ranking.closeness - ranking.unrelated) / ranking.spread,
        ranking.held,
        ranking.reach,
        ranking.missing,
    )
    return Signals(np.array(values), ranking.foreign)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The constants of the confidence.

    own, foreign: (6,) an intercept and a weight for each of SIGNALS, for hits in the question's language and others.
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
    own=(-6.47, 4.64, 0.33, 7.77, -3.31, -1.6),
    foreign=(-2.32, 2.29, 0.82, 3.71, -1.93, -1.88),
)
