"""How probable it is that the corpus answers a question.

confidence = estimate_confidence(ranking)       # 0..1; an answer is given from ANSWERED_FROM on
"""

from __future__ import annotations

import math

from briefqa.ranking import Ranking

# Logistic model of the margin between the best candidate's evidence and the mean of the others', in the encoder's
# spread. What is expected of it grows with the share of the question's words that stand in the corpus: median margins
# of answered and refused questions are 6.5 and 1.8 for Chinese on Chinese, 1.9 and 1.0 for Arabic on Chinese.
_MARGIN_MIDPOINT = 1.3
_MARGIN_PER_REACH = 2.3
_MARGIN_SLOPE = 1.9
# Candidates that make the background. Where there are fewer, they are all about one subject and the margin is smaller.
_BACKGROUND = 50
ANSWERED_FROM = 0.5


def estimate_confidence(ranking: Ranking) -> float:
    """Estimate the probability that the corpus answers: how far the best candidate stands out from the others.

    Scores of different languages are not comparable, margins nearly are.
    """
    best, others = ranking.evidence[:1], ranking.evidence[1:_BACKGROUND]
    if len(others) == 0:
        return float(len(best))
    scale = math.log(1 + len(others)) / math.log(_BACKGROUND)
    margin = float(best[0] - others.mean()) / max(ranking.spread * scale, 1e-6)
    above = margin - _MARGIN_MIDPOINT - _MARGIN_PER_REACH * ranking.reach
    return 1 / (1 + math.exp(-min(max(_MARGIN_SLOPE * above, -50.0), 50.0)))
