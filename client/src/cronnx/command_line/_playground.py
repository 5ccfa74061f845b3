"""`cronnx playground`: a page to try a server's models."""

from __future__ import annotations

import argparse
from pathlib import Path

from cronnx import InvalidInput
from cronnx.command_line._options import Commands, Connect, add_command, add_connection, urls
from cronnx.command_line._report import ExitCode

DEFAULT_PORT = 8004
DEFAULT_URL = "http://127.0.0.1:8000"  # only HTTP has the calls of the API viewer

_DESCRIPTION = """\
Serve a page to try the models of a server: choose a photo and a model, and see the answer drawn on it. It listens on
loopback unless --host says otherwise, and runs until Ctrl-C. Where the server's key is needed, the page asks for it.
"""

_EXAMPLES = (
    "cronnx playground",
    "cronnx playground --url http://127.0.0.1:9000 --port 0 --pictures scripts/pictures",
)


def add_playground(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "playground",
        summary="serve a page to try the server's models",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="HOST", help="the address to listen on; default: %(default)s"
    )
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, metavar="PORT", help="0 for one that is free; default: %(default)s"
    )
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="photos for the page to offer")
    add_connection(
        parser,
        several="calls go to one that answers",
        default_url=DEFAULT_URL,
        key="A key is refused: enter it on the page",
    )
    parser.set_defaults(run=_playground)


def _playground(options: argparse.Namespace, _: Connect) -> ExitCode:
    try:
        # Imported here because only this command needs the extra.
        from cronnx.playground.app import Settings, playground
        from cronnx.playground.server import Server
        from cronnx.playground.serving import listen, serve

        server = Server(urls(options), options.timeout, dict(options.header), options.ca_file)
        app = playground(Settings(server, options.host, options.pictures))
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"playground: expected the extra `playground`, got no {error.name}; client/README.md says how to install it"
        ) from error
    with listen(options.host, options.port) as listening:
        print(f"http://{_shown(options.host)}:{listening.getsockname()[1]}", flush=True)
        serve(app, listening)
    return ExitCode.DONE


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port, 0 to 65535, got {text!r}")
    return int(text)
