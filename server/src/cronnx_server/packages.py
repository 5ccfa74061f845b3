"""Installs locked packages from the Python package index with uv, which checks the SHA-256 of every file.

uv is ten times as fast as pip, which installs uv itself and whose configuration names the index.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cronnx_server import progress
from cronnx_server.errors import SetupError
from cronnx_server.paths import REQUIREMENTS, UV

RETRIES = "2"
REQUIREMENT = "requirement.txt"
_UV_LOCK = threading.Lock()
_UV_AT_WORK = re.compile(r"(?:Downloading|Downloaded|Building|Prepared) .*")

UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
"""The settings of pip that say where packages are, and uv's variables of the same meaning."""

# The first match counts: the log also has connections that were retried, whatever happened afterwards.
CAUSES = (
    ("DO NOT MATCH THE HASHES|Hash mismatch for", "a downloaded file is not the locked one; nothing of it was kept"),
    ("No space left on device", "no space left on the disk; free some and start again"),
    (
        "name resolution|NameResolutionError|NewConnectionError|Failed to establish|Network is unreachable"
        "|Connection refused|ConnectTimeout|ProxyError|Max retries exceeded|Read timed out|Connection aborted"
        "|Connection broken|error sending request|dns error|operation timed out|Failed to (?:fetch|download)",
        "the package index cannot be reached; connect to the network, or point pip at an index, and start again",
    ),
    (
        "No module named pip",
        "this Python has no pip; install it (Debian, Ubuntu: apt-get install python3-venv)",
    ),
    (
        "No matching distribution|has no wheels with a matching|has no wheels or source|was not found in the",
        "the package index has no such file for this machine; x86-64 Linux with glibc 2.35 or newer is needed",
    ),
)


def install(arguments: Sequence[str], *, what: str, python: Path | str = sys.executable) -> None:
    """Run `uv pip install` and show its progress.

    Args:
        arguments: The arguments of `uv pip install`.
        what: What is installed, for error messages.
        python: The interpreter whose packages are installed.

    Raises:
        SetupError: uv failed; the message has `what` and the cause.
    """
    with progress.running(f"Installing {what}") as step:
        uv = _uv()
        command = [uv, "pip", "install", "--python", str(python), *arguments]
        _run(command, what=what, environment=uv_environment(os.environ, pip_settings()), on_line=step.detail)


def install_folder(requirement: str, folder: Path, *, what: str) -> None:
    """Unpack one package without its dependencies into `folder`, whole or not at all, unless it is there.

    Args:
        requirement: A line of a requirements file, with its `--hash`.
        folder: The folder; replaced if it holds another package. Leftovers of an interrupted attempt are removed.
        what: The name of the package, for people.

    Raises:
        SetupError: uv failed.
    """
    if _holds(folder, requirement):
        return
    _place(folder, requirement, lambda arguments: install(arguments, what=what))


def _place(folder: Path, requirement: str, install_: Callable[[Sequence[str]], None]) -> None:
    """Put a package into `folder` with an installer, which takes the arguments that pip and uv have in common."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(requirement)
        requirements.flush()
        try:
            install_(["--no-deps", "--require-hashes", "-r", requirements.name, "--target", str(partial)])
        except SetupError:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    (partial / REQUIREMENT).write_text(requirement)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _holds(folder: Path, requirement: str) -> bool:
    note = folder / REQUIREMENT
    return note.exists() and note.read_text() == requirement


def _uv() -> str:
    """The path of uv, which the first call installs."""
    requirement = (REQUIREMENTS / "uv.txt").read_text()
    with _UV_LOCK:  # packages are installed in several threads
        if not _holds(UV, requirement):
            _place(UV, requirement, _install_by_pip)
    return str(UV / "bin" / "uv")


def _install_by_pip(arguments: Sequence[str]) -> None:
    options = ("--disable-pip-version-check", "--no-compile", "--retries", RETRIES)
    _run([*_pip(), "install", *options, *arguments], what="uv", environment=os.environ)


def _pip() -> list[str]:
    """The command of this Python's pip: an installed one, or else the one that comes with Python for `venv`."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    folders = (sysconfig.get_config_var("WHEEL_PKG_DIR"), Path(sysconfig.get_path("stdlib"), "ensurepip", "_bundled"))
    wheels = [wheel for folder in folders if folder for wheel in Path(folder).glob("pip-*.whl")]
    return [sys.executable, str(wheels[0] / "pip")] if wheels else [sys.executable, "-m", "pip"]


@functools.cache
def pip_settings() -> Mapping[str, str]:
    """The settings of pip, by name, as its configuration files and variables have them."""
    listed = subprocess.run([*_pip(), "config", "list"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return settings_of(listed.stdout)


def settings_of(listed: str) -> dict[str, str]:
    """Read the output of `pip config list`; variables win over the settings of `install`, and these over `global`."""
    order = ("global", "install", ":env:")
    found: dict[str, tuple[int, str]] = {}
    for name, separator, value in (line.partition("=") for line in listed.splitlines()):
        section, _, setting = name.partition(".")
        if separator and section in order:
            found[setting] = max(found.get(setting, (-1, "")), (order.index(section), str(ast.literal_eval(value))))
    return {setting: value for setting, (_, value) in found.items()}


def uv_environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The variables of uv: the user's own, and beside them what pip is told.

    Args:
        environ: The environment variables of this process.
        settings: The settings of pip by name.
    """
    told = {variable: settings[name] for name, variable in UV_VARIABLES.items() if settings.get(name)}
    if "UV_FIND_LINKS" in told:
        told["UV_FIND_LINKS"] = ",".join(told["UV_FIND_LINKS"].split())
    if "UV_INDEX_URL" in environ:
        told.pop("UV_DEFAULT_INDEX", None)
    # As pip does: the hashes say which file is right, wherever it comes from. A cause is one line, however long.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_NO_WRAP": "1", **told, **environ}


def _run(
    command: Sequence[str],
    *,
    what: str,
    environment: Mapping[str, str],
    on_line: Callable[[str], None] = lambda _: None,
) -> None:
    """Run an installer.

    Raises:
        SetupError: It failed.
    """
    log: list[str] = []
    try:
        with subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as installer:
            for line in installer.stderr or ():
                log.append(line)
                if _UV_AT_WORK.fullmatch(line.strip()):
                    on_line(line.strip())
    except OSError as error:
        raise SetupError(f"cannot install {what}: {error.strerror}: {command[0]}") from error
    if installer.returncode != 0:
        raise SetupError(f"cannot install {what}: {cause(''.join(log))}")


def cause(log: str) -> str:
    """Why an installer failed, for people, from its output on standard error."""
    for pattern, known in CAUSES:
        if re.search(pattern, log):
            return known
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [
        line for line in lines if line.startswith(("ERROR: ", "error: ")) and line != "ERROR: Exception:"
    ] or lines
    return errors[-1].removeprefix("ERROR: ").removeprefix("error: ") if errors else "the installer gave no reason"
