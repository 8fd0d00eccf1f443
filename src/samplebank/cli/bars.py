"""Progress on a terminal: gone when the work has ended, and never in the output for programs."""

from rich.progress import Progress, ProgressColumn

from samplebank.cli.printing import err


def progress(*columns: ProgressColumn) -> Progress:
    """Show these columns for as long as the block lasts, where people look."""
    console = err()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
