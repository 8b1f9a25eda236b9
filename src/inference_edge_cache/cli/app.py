"""The commands, one file each."""

import typer

from inference_edge_cache.cli.demo import demo
from inference_edge_cache.cli.serve import serve

app = typer.Typer(
    name="inference-edge-cache",
    help="An edge cache in front of an AI-inference endpoint: try it on this machine before you deploy it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(short_help="Run the edge in front of an endpoint, here.")(serve)
app.command(short_help="See what a cache saves a real model, here.")(demo)


@app.callback()
def _() -> None:
    """Keeps the commands subcommands, however many there are."""
