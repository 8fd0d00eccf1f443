"""`samplebank key`."""

import typer

key_app = typer.Typer(help="API keys.", no_args_is_help=True)


@key_app.callback()
def key() -> None:
    pass
