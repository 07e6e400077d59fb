"""Progress on stderr: bars on a terminal, else a plain line every few seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

__all__ = ["ProgressLines"]

_SECONDS_BETWEEN_PLAIN_LINES = 10.0


@dataclass
class _Started:
    """The start of an activity on a line; fewer completed units than before start it anew.

    Args:
        activity: its name.
        since: time of its first report.
        first, last: completed units at the first and at the latest report.
    """

    activity: str
    since: float
    first: int
    last: int = 0


class ProgressLines:
    """A context manager that shows one line per activity.

    Args:
        quiet: show nothing.
        console: the console (default: stderr).
    """

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self._quiet = quiet
        self._console = console or Console(stderr=True, highlight=False)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last_plain: dict[str, float] = {}
        self._started: dict[str, _Started] = {}

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[detail]}"),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            with self._until_closed():
                self._bars.stop()

    def show(self, activity: str, done: int, total: int, detail: str = "", line: str = "") -> None:
        """Show the progress of an activity.

        Args:
            activity: its name, e.g. ``training``.
            done, total: completed and total units.
            detail: current figures, as short text.
            line: name of the line that shows it (default: ``activity``); a new activity replaces
                the previous one on its line.
        """
        line = line or activity
        if self._quiet:
            return
        with self._until_closed():
            if self._bars is None:
                self._plain(line, activity, done, total, detail)
            else:
                self._bar(self._bars, line, activity, done, total, detail)

    def _bar(
        self, bars: Progress, line: str, activity: str, done: int, total: int, detail: str
    ) -> None:
        if line not in self._tasks:
            self._tasks[line] = bars.add_task(activity, total=total, detail=detail)
        task = self._tasks[line]
        shown = next(each for each in bars.tasks if each.id == task)
        if shown.description != activity or done < shown.completed:
            bars.reset(task, total=total, description=activity, detail=detail)
        bars.update(task, completed=done, total=total, detail=detail)

    def end(self, line: str) -> None:
        """Remove a line from the terminal."""
        if self._bars is not None and line in self._tasks:
            self._bars.remove_task(self._tasks.pop(line))

    @contextmanager
    def _until_closed(self) -> Iterator[None]:
        """Show no more once the terminal is closed; the work goes on."""
        try:
            yield
        except OSError:
            self._quiet = True

    def say(self, message: str) -> None:
        """Print one message."""
        if not self._quiet:
            with self._until_closed():
                self._console.print(message, markup=False, soft_wrap=True)

    def _plain(self, line: str, activity: str, done: int, total: int, detail: str) -> None:
        now = time.monotonic()
        started = self._started.get(line)
        if started is None or started.activity != activity or done < started.last:
            started = self._started[line] = _Started(activity, now, done)
        started.last = done
        due = now - self._last_plain.get(line, now - 2 * _SECONDS_BETWEEN_PLAIN_LINES)
        if due < _SECONDS_BETWEEN_PLAIN_LINES and done != total:
            return
        self._last_plain[line] = now
        left = ""
        if started.first < done < total:
            pace = (now - started.since) / (done - started.first)
            left = f", {pace * (total - done):.0f} s left"
        shown = f"  {detail}" if detail else ""
        self._console.print(f"{activity} {done}/{total}{left}{shown}", markup=False, soft_wrap=True)
