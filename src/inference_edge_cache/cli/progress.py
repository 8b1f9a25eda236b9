"""A progress bar, for whoever sits at a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from inference_edge_cache.cli.screen import Screen


@contextmanager
def progress_of(screen: Screen, doing: str, total: int) -> Iterator[Callable[[int], None]]:
    """To be called with how much was done. Shows nothing where the output is no terminal, and leaves nothing behind."""
    columns = TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=screen.console, transient=True, disable=not screen.console.is_terminal) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda done: bar.advance(task, done)
