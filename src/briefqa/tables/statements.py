"""What was computed from a table, in a sentence of Chinese or English. Plain text; cells stand in it as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_NAMES = 10  # in a sentence; more are read in the table below it

_PHRASES = {
    "zh": {
        "comma": "、",
        "value": "{name}（{value}）",
        "highest": "表中{of}“{column}”{most}的是{names}：{value}。",
        "tied": "表中{of}“{column}”{most}的有{count}项，并列为{value}：{names}。",
        "several": "表中{of}“{column}”{most}的{count}项：{names}。",
        "nth": "表中{of}“{column}”第{nth}{most}的是{names}：{value}。",
        "count": "表中{condition}的共{count}项：{names}。",
        "count-many": "表中{condition}的共{count}项。",
        "distinct": "表中{condition}的共{count}行，其中不同的“{column}”有{distinct}个。",
        "all": "表中共列出{count}项：{names}。",
        "all-many": "表中共列出{count}项。",
        "is": "“{column}”为“{value}”",
        "compared": "“{column}”{sign}{value}",
        "and": "且",
        "sum": "表中{of}“{column}”的{count}项相加为{value}。",
        "average": "表中{of}“{column}”的{count}项平均为{value}。",
        "of": "{condition}的各项中，",
        "with": "",
        "left-out": "（另有{count}项没有可比较的数值，未计入。）",
        "not-shown": "（匹配的共{count}行，这里显示前{shown}行。）",
        ">": "大于", ">=": "不小于", "<": "小于", "<=": "不大于", "between": "介于",
        "after": "晚于", "before": "早于", "date>": "晚于", "date>=": "不早于", "date<": "早于", "date<=": "不晚于",
        "max": "最高", "min": "最低", "date-max": "最晚", "date-min": "最早",
        "nth-max": "高", "nth-min": "低", "nth-date-max": "晚", "nth-date-min": "早",
    },
    "en": {
        "comma": ", ",
        "value": "{name} ({value})",
        "highest": "In the table, the {most} “{column}”{of} is {value}: {names}.",
        "tied": "In the table, {count} entries share the {most} “{column}”{of}, {value}: {names}.",
        "several": "In the table, the {count} entries with the {most} “{column}”{of}: {names}.",
        "nth": "In the table, number {nth} from the {most} “{column}”{of} is {names}: {value}.",
        "count": "In the table, {entries} with {condition}: {names}.",
        "count-many": "In the table, {entries} with {condition}.",
        "distinct": "In the table, {count} rows with {condition}, of {distinct} different “{column}”.",
        "all": "The table lists {entries}: {names}.",
        "all-many": "The table lists {entries}.",
        "is": "“{column}” = “{value}”",
        "compared": "“{column}” {sign} {value}",
        "and": " and ",
        "sum": "In the table, the “{column}” of {entries}{with} adds up to {value}.",
        "average": "In the table, the average “{column}” of {entries}{with} is {value}.",
        "of": " of the entries with {condition}",
        "with": " with {condition}",
        "left-out": " ({count} more without a value that can be compared.)",
        "not-shown": " ({count} rows match; the first {shown} are shown.)",
        ">": "above", ">=": "of at least", "<": "below", "<=": "of at most", "between": "between",
        "after": "after", "before": "before",
        "date>": "after", "date>=": "not before", "date<": "before", "date<=": "not after",
        "max": "highest", "min": "lowest", "date-max": "latest", "date-min": "earliest",
        "nth-max": "highest", "nth-min": "lowest", "nth-date-max": "latest", "nth-date-min": "earliest",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statements:
    """The sentences of one language, "zh" or "en"."""

    language: str

    def first(
        self, column: str, names: Sequence[str], values: Sequence[str], condition: str, kind: str, many: int, nth: int
    ) -> str:
        """Say what is highest or lowest. condition: "" for all. kind: "max", "min", "date-max" or "date-min"."""
        named = list(names)
        key = "tied" if len(names) > 1 else "highest"
        if nth > 1:
            key, kind = "nth", f"nth-{kind}"
        elif many > 1:
            key = "several"
            named = [self._say("value", name=name, value=value) for name, value in zip(names, values, strict=True)]
        return self._say(
            key,
            column=column,
            of=self._say("of", condition=condition) if condition else "",
            most=self._say(kind),
            names=self._list(named),
            value=values[0],
            count=len(names),
            nth=nth,
        )

    def count(self, column: str, names: Sequence[str], condition: str) -> str:
        """Say how many there are, and which. column: what names them."""
        distinct = list(dict.fromkeys(names))
        key = "count" if condition else "all"
        if len(distinct) < len(names):
            key = "distinct"
        elif len(names) > _MOST_NAMES:
            key += "-many"
        return self._say(
            key,
            condition=condition,
            count=len(names),
            entries=self._entries(len(names)),
            names=self._list(distinct),
            distinct=len(distinct),
            column=column,
        )

    def sum(self, column: str, value: str, count: int, condition: str, averaged: bool) -> str:
        """Say what a column adds up to, or its average."""
        key = "average" if averaged else "sum"
        of, behind = [self._say(word, condition=condition) if condition else "" for word in ("of", "with")]
        return self._say(
            key, column=column, value=value, count=count, entries=self._entries(count), of=of, **{"with": behind}
        )

    def equal(self, column: str, cells: Sequence[str]) -> str:
        """Name a condition: a column with this cell, or with one of these."""
        return self._say("is", column=column, value="/".join(dict.fromkeys(cells)))

    def compared(self, column: str, sign: str, value: str, dated: bool) -> str:
        """Name a condition: a column above or below a value. sign: see Comparison."""
        word = f"date{sign}" if dated and sign[0] in "<>" else sign
        return self._say("compared", column=column, sign=self._say(word), value=value)

    def all_of(self, conditions: Sequence[str]) -> str:
        """Join conditions."""
        return self._say("and").join(conditions)

    def left_out(self, count: int) -> str:
        """Say how many items were left out because they have no value; "" for none."""
        return self._say("left-out", count=count) if count else ""

    def not_shown(self, count: int, shown: int) -> str:
        """Say how many rows match where only the first are shown; "" where all are, or items share their rows."""
        return self._say("not-shown", count=count, shown=shown) if count > shown > 1 else ""

    def _entries(self, count: int) -> str:
        return "1 entry" if count == 1 else f"{count} entries"

    def _list(self, names: Sequence[str]) -> str:
        return self._say("comma").join(names)

    def _say(self, key: str, **said: object) -> str:
        return _PHRASES[self.language][key].format(**said)
