"""`scripts/build_models`: parse and print."""

from __future__ import annotations

import argparse
import sys

from local_server import environment
from local_server.errors import SetupError
from local_server.paths import ROOT
from model_builds.mirror import INSIDE_MIRROR


def main() -> int:
    """Build the models named, or all; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/build_models",
        description="Build models of the catalogue (scripts/model_builds/catalogue.toml) anew.",
        epilog=f"{INSIDE_MIRROR}: the address of a folder of weights that is asked before the web. "
        "Exit status: 0 all were built, 1 one was not, 2 usage.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a model of the catalogue; none: all of them")
    arguments = parser.parse_args()
    try:
        environment.enter("serve")
        with environment.alone():
            return _build(arguments.names, parser)
    except SetupError as error:
        print(f"build_models: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build_models: interrupted; what was built is whole", file=sys.stderr)
        return 130


def _build(names: list[str], parser: argparse.ArgumentParser) -> int:
    from model_builds.build import build  # needs the environment
    from model_builds.catalogue import catalogue

    models = catalogue()
    for name in names:
        if name not in models:
            parser.error(f"no model '{name}' in the catalogue; it has {', '.join(models)}")
    failures = 0
    for model in (models[name] for name in names or models):
        for version in model.versions:
            try:
                print(build(model, version).relative_to(ROOT))
            except SetupError as error:
                print(f"build_models: {model.name} version {version}: {error}", file=sys.stderr)
                failures += 1
    return 1 if failures else 0
