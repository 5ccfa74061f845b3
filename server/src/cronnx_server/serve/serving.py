"""From an environment that is ready to a server that answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cronnx_server import environment, progress, repository
from cronnx_server.build_models.ready import ready
from cronnx_server.errors import SetupError
from cronnx_server.key import KEY, restricted_api_flags
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
    with environment.setup_lock():
        distribution = tritonserver.distribution()
        names = list(models or ["*"]) if repositories else ready(models)
    flags = [*addresses.flags(), "--model-control-mode=explicit", *(f"--load-model={name}" for name in names)]
    if profile:
        flags.append(f"--model-config-name={profile}")
    if tracing:
        flags += tracing.flags()
    if cache_bytes:
        flags.append(f"--cache-config=local,size={cache_bytes}")
    if latency_quantiles:
        flags += LATENCY_SUMMARIES
    flags += restricted_api_flags(key.text if key else "")
    # Python models inherit the server's environment and have no use for the key.
    variables = {name: value for name, value in distribution.environment().items() if name != KEY}
    progress.step(f"Starting tritonserver with {', '.join(names)}")

    def report() -> None:
        classifiers = [] if repositories else repository.classifiers(ENSEMBLES, names)
        print(f"\n{first_answer.report(addresses, classifiers, key=key)}\n", flush=True)

    def start(more: Sequence[str]) -> ServerProcess:
        command = [*distribution.command(map(Path.resolve, folders)), *flags, regions.flag(), *server_flags, *more]
        return ServerProcess(command, variables, rewrite_log=json_lines if json_log else None)

    with shared_memory.claimed() as regions:
        watch = DeadStubs(addresses, key=key).watch
        supervisor = Supervisor(start, addresses, watch=watch, on_end=regions.remove)
        with stopping_on_signals(supervisor.stop):
            return supervisor.run(report)


def _check(folders: Sequence[Path], profile: str | None) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise SetupError(f"there is no model repository {folder}")
    known = repository.profiles(folders)
    if profile and profile not in known:
        raise SetupError(f"no model has a configs/{profile}.pbtxt; there are {', '.join(known) or 'no profiles'}")
