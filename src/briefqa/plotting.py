"""The scores of a golden set as a picture; matplotlib is needed, and no display.

check_plot(Path("scores.png"))                      # before the questions are asked
plot_evaluation(evaluation, Path("scores.png"))
"""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from briefqa.errors import BriefqaError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from briefqa.evaluate import Evaluation, Scores

# From the Okabe-Ito palette, which colour-blind readers can tell apart, dark to light so that a grey print can too.
_BARS = (
    ("hit@1", "#0072b2", attrgetter("hit_at_1")),
    ("hit@5", "#56b4e9", attrgetter("hit_at_5")),
    ("nDCG@10", "#e69f00", attrgetter("ndcg_at_10")),
)
_BAR_WIDTH = 0.26  # of a group's place, so that a fifth of it parts the groups
_INCHES_A_GROUP = 1.05
_DOTS_AN_INCH = 150
# A group may have a Chinese name, which matplotlib's own font lacks: what Linux, macOS and Windows have for it.
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei")


def check_plot(path: Path) -> None:
    """Raise BriefqaError if nothing could be drawn into this file, and say what to do."""
    figure = _figure()
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise BriefqaError(f"{path} is no picture's name: let it end in .png")
    if not path.absolute().parent.is_dir():
        raise BriefqaError(f"{path} cannot be written: there is no folder {path.parent}; make it, or name another")


def plot_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Draw hit@1, hit@5 and nDCG@10 by language and by difficulty. Raises BriefqaError."""
    languages = [("all", evaluation.overall), *evaluation.by_language.items()]
    difficulties = list(evaluation.by_difficulty.items())
    figure = _figure()
    # Two groups' room at the least, so that a panel's title fits.
    widths = [max(2, len(languages)), max(2, len(difficulties))]
    figure.set_size_inches(sum(widths) * _INCHES_A_GROUP + 1.6, 4)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=widths)
    _draw(left, "by language", languages, widths[0])
    _draw(right, "by difficulty", difficulties, widths[1])
    left.set_ylabel("mean over n questions", fontsize=9)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=len(_BARS), frameon=False)
    try:
        figure.savefig(path, dpi=_DOTS_AN_INCH, bbox_inches="tight", pad_inches=0.2)
    except OSError as error:
        raise BriefqaError(f"{path} cannot be written: {error.strerror or error}; name another file") from error


def _figure() -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise BriefqaError("matplotlib is not installed: pip install 'briefqa[plot]'") from None
    # A figure without pyplot is drawn by Agg: no display, no state shared with the caller's own plots.
    return Figure(layout="constrained")


def _draw(axes: Axes, title: str, groups: list[tuple[str, Scores]], width: int) -> None:
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    for number, (name, color, mean) in enumerate(_BARS):
        places = [place + (number - 1) * _BAR_WIDTH for place in range(len(groups))]
        heights = [mean(scores) for _, scores in groups]
        bars = axes.bar(places, heights, _BAR_WIDTH, label=name, color=color)
        axes.bar_label(bars, fmt="%.2f", fontsize=6.5, padding=1)
    labels = [f"{name or '-'}\nn = {scores.questions}" for name, scores in groups]
    # A name is shown as it is written, not read as a formula.
    axes.set_xticks(range(len(groups)), labels, parse_math=False, family=[font for font in _FONTS if font in installed])
    axes.set_title(title, fontsize=10)
    middle = (len(groups) - 1) / 2
    axes.set_xlim(middle - width / 2, middle + width / 2)
    axes.set_ylim(0, 1.08)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.tick_params(length=0)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
