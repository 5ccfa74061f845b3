"""From an environment that is ready to a server that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_server import environment, progress, repository
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import SetupError
from cronnx_server.key import KEY, restrictions
from cronnx_server.launch.concealed_arguments import concealing
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import first_answer, shared_memory, tritonserver
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.dead_stubs import DeadStubs
from cronnx_server.serve.log_events import json_lines
from cronnx_server.serve.metrics import LATENCY_SUMMARIES
from cronnx_server.serve.process import ServerProcess, stopping_on_signals
from cronnx_server.serve.supervisor import Supervisor
from cronnx_server.serve.tracing import Tracing


def serve(
    addresses: Addresses,
    *,
    models: Sequence[str] | None = None,
    profile: str | None = None,
    cache_bytes: int | None = None,
    latency_quantiles: bool = True,
    repositories: Sequence[Path] | None = None,
    tracing: Tracing | None = None,
    json_log: bool = False,
    key: Key | None = None,
    server_flags: Sequence[str] = (),
) -> int:
    """Run a server in the foreground until it ends; its exit status.

    Args:
        addresses: where it listens.
        models: the models to load; all where None.
        profile: the name of the configurations to prefer.
        cache_bytes: the size of Triton's local response cache; no cache where None.
        latency_quantiles: whether to keep quantiles of latencies among the metrics.
        repositories: model repositories; this project's own where None, whose lacking models are built first.
        tracing: where traces go; none are made where None.
        json_log: whether the server's log is JSON, an event a line.
        key: what changing the server takes; nothing where None.
        server_flags: passed on to `tritonserver`.

    Raises:
        SetupError: it could not be set up or started.
    """
    folders = repositories or [MODEL_REPOSITORY, ENSEMBLES]
    _check(folders, profile)
    with environment.alone():
        distribution = tritonserver.distribution()
        names = list(models or ["*"]) if repositories else build_missing(models)
    flags = [*addresses.flags(), "--model-control-mode=explicit", *(f"--load-model={name}" for name in names)]
    if profile:
        flags.append(f"--model-config-name={profile}")
    if tracing:
        flags += tracing.flags()
    if cache_bytes:
        flags.append(f"--cache-config=local,size={cache_bytes}")
    if latency_quantiles:
        flags += LATENCY_SUMMARIES
    progress.step(f"Starting tritonserver with {', '.join(names)}")

    def report() -> None:
        classifiers = [] if repositories else repository.classifiers(ENSEMBLES, names)
        print(f"\n{first_answer.report(addresses, classifiers, key=key)}\n", flush=True)

    def start(more: Sequence[str]) -> ServerProcess:
        given = [*distribution.command(map(Path.resolve, folders)), *flags, regions.flag(), *server_flags, *more]
        command, variables = _with_key(given, distribution.environment(), key)
        return ServerProcess(command, variables, rewrite_log=json_lines if json_log else None)

    with shared_memory.claimed() as regions:
        watch = DeadStubs(addresses, key=key).watch
        supervisor = Supervisor(start, addresses, watch=watch, on_end=regions.remove)
        with stopping_on_signals(supervisor.stop):
            return supervisor.run(report)


def _with_key(command: list[str], environment: Mapping[str, str], key: Key | None) -> tuple[list[str], dict[str, str]]:
    """What starts the server; the key is in what neither a process list shows nor a stub inherits."""
    variables = {name: value for name, value in environment.items() if name != KEY}
    return concealing(command, variables, restrictions(key.text)) if key else (command, variables)


def _check(folders: Sequence[Path], profile: str | None) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise SetupError(f"there is no model repository {folder}")
    known = repository.profiles(folders)
    if profile and profile not in known:
        raise SetupError(f"no model has a configs/{profile}.pbtxt; there are {', '.join(known) or 'no profiles'}")
