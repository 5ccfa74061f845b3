"""From an environment that is complete to a server that answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cronnx_onnxruntime.cache import VARIABLE as CACHE_BYTES
from cronnx_server import environment, progress, repository
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import StartError
from cronnx_server.key import KEY
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import first_answer, shared_memory, tritonserver
from cronnx_server.serve.dead_stubs import DeadStubs
from cronnx_server.serve.decisions import Decisions
from cronnx_server.serve.log_events import json_lines
from cronnx_server.serve.options import MODEL_CONTROL, Options
from cronnx_server.serve.process import ServerProcess, stopping_on_signals
from cronnx_server.serve.supervisor import Supervisor


def serve(options: Options) -> int:
    """Run a server in the foreground until it ends, and return its exit status.

    Raises:
        CommandError: The server could not be set up or started; the subclass says why.
    """
    folders = options.repositories or [MODEL_REPOSITORY, ENSEMBLES]
    repository.check(folders, profile=options.profile)
    with environment.setup_lock():
        distribution = tritonserver.distribution()
        names = list(options.models or ["*"]) if options.repositories else build_missing(options.models or None)
    command = [
        *distribution.command(map(Path.resolve, folders)),
        *MODEL_CONTROL,
        *(f"--load-model={name}" for name in names),
        *options.flags(),
    ]
    decisions = Decisions(options.addresses, key=options.key)
    # Python models inherit the server's environment and have no use for the key.
    variables = {name: value for name, value in distribution.environment().items() if name != KEY}
    variables |= decisions.environment
    if options.cache_bytes:
        if not distribution.has_stand_in:
            raise StartError("--cache: expected the project's onnxruntime backend, got NVIDIA's; see docs/cache.md")
        variables[CACHE_BYTES] = str(options.cache_bytes)
    progress.step(f"Starting tritonserver with {', '.join(names)}")

    def report() -> None:
        image_models = {} if options.repositories else repository.image_models(ENSEMBLES, names)
        print(f"\n{first_answer.report(options.addresses, image_models, key=options.key)}\n", flush=True)

    def start(extra_flags: Sequence[str]) -> ServerProcess:
        arguments = [*command, regions.flag(), *options.server_flags, *extra_flags]
        server = ServerProcess(arguments, variables, rewrite_log=json_lines if options.json_log else None)
        decisions.follow(server)
        return server

    with shared_memory.claimed() as regions:
        watch = DeadStubs(options.addresses, key=options.key).watch
        supervisor = Supervisor(start, options.addresses, watch=watch, on_end=regions.remove)
        with stopping_on_signals(supervisor.stop):
            return supervisor.run(report)
