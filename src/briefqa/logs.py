"""The log: lines for people on stderr, or with --log-json one JSON object a line for programs.

    log_for_people()                        # "briefqa: …", warnings and errors
    log_as_json()                           # {"time": "…", "level": "info", "logger": "briefqa.api", "message": …}
    _log.info("asked", extra=fields(outcome="quoted", seconds=0.03))

What was asked and answered is never logged.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import Any

from briefqa.writing import escape_hidden

_FIELDS = "briefqa_fields"


def log_for_people() -> None:
    """Write warnings and errors to stderr, a line each."""
    logging.basicConfig(format="briefqa: %(message)s", level=logging.WARNING)


def log_as_json() -> None:
    """Write what happens to stderr, a JSON object a line; of other packages warnings and errors alone."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("briefqa").setLevel(logging.INFO)


def fields(**values: Any) -> dict[str, Any]:
    """Return the `extra` of a log call that puts these values into the JSON line."""
    return {_FIELDS: values}


class JsonLines(logging.Formatter):
    """Formats a log record as a line of JSON, its time in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: time, level, logger and message, what `fields` added, and the traceback of an exception."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return escape_hidden(json.dumps(line, ensure_ascii=False, default=str))
