"""The commands, one file each."""

from typing import Annotated, cast

import typer

from inference_edge_cache import __version__
from inference_edge_cache.cli.api_key import api_key
from inference_edge_cache.cli.demo import demo
from inference_edge_cache.cli.explain import explain
from inference_edge_cache.cli.key import key
from inference_edge_cache.cli.purge import purge
from inference_edge_cache.cli.serve import serve
from inference_edge_cache.cli.warm import warm
from inference_edge_cache.errors import EdgeCacheError

NAME = "inference-edge-cache"

app = typer.Typer(
    name=NAME,
    help="An edge cache in front of an AI-inference endpoint: try it on this machine before you deploy it.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(short_help="Run the edge in front of an endpoint, here.")(serve)
app.command(short_help="See what a cache saves a real model, here.")(demo)
app.command(short_help="Show where the answer to a request is kept.")(key)
app.command(short_help="Say why two requests share an answer, or do not.")(explain)
app.command("api-key", short_help="Make the API key of a tenant.")(api_key)
app.command(short_help="Make a deployed cache forget results.")(purge)
app.command(short_help="Fill a deployed cache from a file of requests.")(warm)

# Of its usage errors typer exports this one; the others share its base.
_USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__base__)


@app.callback(invoke_without_command=True)
def _(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def run(args: list[str]) -> int:
    """Run a command, and return its exit code. Raises ``EdgeCacheError``, in one line, for what is no command line."""
    try:
        return app(args, prog_name=NAME, standalone_mode=False) or 0
    except typer.Abort:  # Ctrl-C at a question
        return 130
    except _USAGE_ERROR as error:
        said = error.format_message().rstrip(".")
        more = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        raise EdgeCacheError(f"{said[:1].lower()}{said[1:]}{more}") from error
