"""Answers that stand in a table: the rows that match, and what their cells come to.

    answer = answer_from_table("哪款芯片的显存带宽最高？", ranking, snapshot, lexicon)
    answer.statement, answer.quotes         # 表中“显存带宽”最高的是B200：8 TB/s。, and the row of the B200

| module | what |
|---|---|
| `amounts`    | what cells are worth: numbers in any notation, with units, ranges and dates |
| `grids`      | the tables of a hit, whole, and what their rows and columns are |
| `wording`    | how questions about tables are worded |
| `asked`      | what a question asks of a table |
| `columns`    | columns of amounts, and what can be computed from them for certain |
| `translations` | a question's words in a table of the other language |
| `mentions`   | where a question names columns and cells, and what no part of the table explains |
| `statements` | what was computed, in a sentence of Chinese or English |
| `answers`    | a question and the tables that were found to an answer |
"""

from __future__ import annotations

from briefqa.tables.answers import TableAnswer, answer_from_table

__all__ = ["TableAnswer", "answer_from_table"]
