"""`scripts/build_models`: parse and print."""

from __future__ import annotations

import argparse
import sys

from cronnx_server import environment
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import catalogue
from cronnx_server.build_models.mirror import INSIDE_MIRROR
from cronnx_server.errors import CommandError
from cronnx_server.paths import ROOT


def main() -> int:
    """Build the models named, or all; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/build_models",
        description="Build models of the catalogue (server/src/cronnx_server/build_models/catalogue.toml) anew.",
        epilog=f"{INSIDE_MIRROR}: the address of a folder of weights that is asked before the web. "
        "Exit status: 0 all were built, 1 one was not, 2 usage.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a model of the catalogue; none: all of them")
    arguments = parser.parse_args()
    try:
        with environment.setup_lock():
            return _build(arguments.names, parser)
    except CommandError as error:
        print(f"build_models: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build_models: interrupted; what was built is whole", file=sys.stderr)
        return 130


def _build(names: list[str], parser: argparse.ArgumentParser) -> int:
    models = catalogue()
    for name in names:
        if name not in models:
            parser.error(f"no model '{name}' in the catalogue; it has {', '.join(models)}")
    failures = 0
    for model in (models[name] for name in names or models):
        for version in model.versions:
            try:
                print(build(model, version).relative_to(ROOT))
            except CommandError as error:
                print(f"build_models: {model.name} version {version}: {error}", file=sys.stderr)
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
