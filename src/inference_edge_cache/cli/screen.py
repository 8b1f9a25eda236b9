"""What the commands print with: coloured in a terminal, plain in a file, folded at the width."""

import textwrap
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

_WIDEST = 100


class Screen:
    """Lines on standard output. What it is given is text: nothing in it is read as markup."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, emoji=False)
        self.width = min(self.console.width, _WIDEST)

    def title(self, text: str, more: str = "") -> None:
        """An empty line, then ``text`` in bold and ``more`` beside it."""
        self._print(Text("\n").append(text, "bold").append(f"  {more}" if more else ""))

    def text(self, text: str, style: str = "", indent: int = 2) -> None:
        """A paragraph, folded."""
        blanks = " " * indent
        self.lines(textwrap.wrap(text, self.width, initial_indent=blanks, subsequent_indent=blanks), style)

    def pairs(self, rows: Iterable[tuple[str, str]]) -> None:
        """Subjects, and beside each what there is to say about it, folded under itself."""
        rows = list(rows)
        column = max(len(subject) for subject, _ in rows) + 4
        for subject, text in rows:
            first, *rest = textwrap.wrap(text, self.width - column) or [""]
            self._print(Text().append(f"  {subject}".ljust(column), "dim").append(first))
            self.lines(" " * column + line for line in rest)

    def lines(self, lines: Iterable[str], style: str = "") -> None:
        """Lines as they are, however wide."""
        for line in lines:
            self._print(Text(line, style))

    def warning(self, text: str) -> None:
        self.text(f"warning: {text}", "yellow")

    def _print(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True)
