"""The command line of `scripts/build_models`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from cronnx_server import environment, repository
from cronnx_server.add_model import placement
from cronnx_server.build_models import gpu_file
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import Model, catalogue
from cronnx_server.build_models.download import MIRROR_VARIABLE
from cronnx_server.build_models.profile import Profile
from cronnx_server.errors import CommandError
from cronnx_server.paths import MODEL_REPOSITORY, ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the given models, or all of them; the exit status. Without arguments, those of the process."""
    parser = argparse.ArgumentParser(
        prog="scripts/build_models",
        description="Download the weights and build models of the catalogue "
        "(server/src/cronnx_server/build_models/catalogue.toml), again if they are built.",
        epilog=f"{MIRROR_VARIABLE} is the address of a folder of weights that is tried before the web. "
        "Exit status: 0 all models are built, 1 at least one is not, 2 usage.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a model of the catalogue, or NAME/VERSION (default: all)"
    )
    parser.add_argument(
        "--gpu",
        action="store_true",
        help="also build the files for GPUs, in FP16 or TensorRT's INT8, of NAME/VERSION or of the versions that "
        "configs/*.pbtxt serve",
    )
    parsed = parser.parse_args(arguments)
    names, models = parsed.names, catalogue()
    chosen: list[tuple[Model, int]] = []
    for text in names or models:
        name, _, version = text.partition("/")
        if name not in models:
            parser.error(f"expected a model of the catalogue ({', '.join(models)}), got '{name}'")
        versions = list(models[name].versions)
        if version and version not in map(str, versions):
            parser.error(f"expected a version of {name} ({', '.join(map(str, versions))}), got '{version}'")
        chosen += [(models[name], int(version))] if version else [(models[name], each) for each in versions]
    try:
        with environment.setup_lock():
            placement.recover()
            status = _build(chosen)
            return max(status, _build_for_gpus(names or models, chosen)) if parsed.gpu else status
    except CommandError as error:
        print(f"build_models: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build_models: interrupted; no file is incomplete", file=sys.stderr)
        return 130


def _build(chosen: Iterable[tuple[Model, int]]) -> int:
    status = 0
    for model, version in chosen:
        try:
            print(build(model, version).relative_to(ROOT))
        except CommandError as error:
            print(f"build_models: {model.name} version {version}: {error}", file=sys.stderr)
            status = 1
    return status


def _build_for_gpus(names: Iterable[str], chosen: Iterable[tuple[Model, int]]) -> int:
    status = 0
    for model, version in chosen:
        folder = model.path(MODEL_REPOSITORY, version).parents[1]
        is_built = model.path(MODEL_REPOSITORY, version).exists()
        if not is_built or not (f"{model.name}/{version}" in names or version in _in_profiles(folder)):
            continue
        try:
            print(gpu_file.make(folder, version, models=catalogue()).relative_to(ROOT))
        except CommandError as error:
            print(f"build_models: {error}", file=sys.stderr)
            status = 1
    return status


def _in_profiles(folder: Path) -> set[int]:
    profiles = repository.profiles([folder.parent])
    return {version for profile in profiles for version in Profile(profile, {}).gpu_versions(folder)}


if __name__ == "__main__":
    sys.exit(main())
