"""The form of the log: one line for each event, as text for people or as JSON for machines."""

import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO  request method=GET path=/job`; control characters are escaped, and traces indented."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join([f"{name}={_word(str(value))}" for name, value in _fields(record).items()])
        second, milliseconds = int(record.created), int(record.created * 1000) % 1000
        line = f"{_second(second)}.{milliseconds:03}Z {record.levelname:<7} {_printed(record.getMessage())} {fields}".rstrip()
        return f"{line}\n{_lines(self.formatException(record.exc_info))}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {"time": int(record.created * 1000), "level": record.levelname, "event": record.getMessage()}
        entry.update(_fields(record))
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry, enc_hook=str).decode()


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def set_up(kind: str, level: int = logging.INFO) -> None:
    """Send the log to stderr in the form `kind` (text or json)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if kind == "json" else TextFormatter())
    # The log shows no thread or process, and would look both up for each line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "alembic", "asyncio", "_granian"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class Faults:
    """Tells a repeated fault at once, and then once each `interval` seconds with the number of repetitions.

    Otherwise a missing part, which fails every request and sweep, would fill a disk and hide the line that matters.
    """

    def __init__(
        self, log: logging.Logger, *, interval: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._interval = interval
        self._clock = clock
        #: by kind of fault: the time when the fault was told last, and the number of repetitions since
        self._told: dict[str, tuple[float, int]] = {}

    def tell(self, event: str, error: BaseException, *, trace: bool = True, **fields: object) -> None:
        """Log `error`, unless the same `event` failed in the same way a moment ago. `trace` adds the traceback."""
        why = f"{type(error).__name__}: {error}"
        kind = f"{event} {type(error).__name__} {_origin(error)}"
        self._say(kind, logging.ERROR, event, error if trace else None, {**fields, "why": why})

    def warn(self, event: str, /, *, kind: object = "", **fields: object) -> None:
        """Log a fault without an error at hand, unless an `event` of the same `kind` was told a moment ago."""
        self._say(f"{event} {kind}", logging.WARNING, event, None, fields)

    def mention(self, event: str, /, *, kind: object = "", **fields: object) -> None:
        """Log what comes again and again, and is no fault, as `warn` does."""
        self._say(f"{event} {kind}", logging.INFO, event, None, fields)

    def report(self, event: str, /, *, kind: object = "", **fields: object) -> None:
        """Log what somebody has to mend, as `warn` does."""
        self._say(f"{event} {kind}", logging.ERROR, event, None, fields)

    def _say(
        self, kind: str, level: int, event: str, trace: BaseException | None, fields: dict[str, object]
    ) -> None:
        now = self._clock()
        last, unsaid = self._told.get(kind, (now - self._interval, 0))
        if now - last < self._interval:
            self._told[kind] = last, unsaid + 1
            return
        self._told[kind] = now, 0
        said = {**fields, "unsaid": unsaid} if unsaid else fields
        self._log.log(level, event, exc_info=trace, extra={"fields": said})


def _origin(error: BaseException) -> str:
    """The place where an error was raised. The texts of equal faults differ in numbers and names, the places do not."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of an event, from `extra={"fields": {...}}`. Names of `extra` itself would clash with the record's own."""
    fields: dict[str, Any] = vars(record).get("fields", {})
    return fields


@lru_cache(1024)
def _word(text: str) -> str:
    """A value on one line. A value from a request must not forge a line of the log."""
    return text if text.isprintable() and text and " " not in text else ascii(text)


def _lines(trace: str) -> str:
    """A trace below its line. Its message may quote a request or a file, and must not forge a line of the log either."""
    return "\n".join(f"  {_printed(line)}" for line in trace.splitlines())


def _printed(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
