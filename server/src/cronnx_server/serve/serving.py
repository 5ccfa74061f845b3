"""From an environment that is complete to a server that answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cronnx_server import environment, progress, repository
from cronnx_server.add_model import placement
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.key import KEY
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import first_answer, shared_memory, tritonserver
from cronnx_server.serve.dead_stubs import DeadStubs
from cronnx_server.serve.log_events import json_lines
from cronnx_server.serve.options import Options
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
        placement.recover()
        loadable = repository.loadable(folders)
        distribution = tritonserver.distribution()
        names = list(options.models) or loadable if options.repositories else build_missing(options.models or None)
    command = [
        *distribution.command(map(Path.resolve, folders)),
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in names),
        *options.flags(),
    ]
    # Python models inherit the server's environment and have no use for the key.
    variables = {name: value for name, value in distribution.environment().items() if name != KEY}
    progress.step(f"Starting tritonserver with {', '.join(names)}")

    def report() -> None:
        image_models = {} if options.repositories else repository.image_models(ENSEMBLES, names)
        print(f"\n{first_answer.report(options.addresses, image_models, key=options.key)}\n", flush=True)

    def start(extra_flags: Sequence[str]) -> ServerProcess:
        arguments = [*command, regions.flag(), *options.server_flags, *extra_flags]
        return ServerProcess(arguments, variables, rewrite_log=json_lines if options.json_log else None)

    with shared_memory.claimed() as regions:
        watch = DeadStubs(options.addresses, key=options.key).watch
        supervisor = Supervisor(start, options.addresses, watch=watch, on_end=regions.remove)
        with stopping_on_signals(supervisor.stop):
            return supervisor.run(report)
