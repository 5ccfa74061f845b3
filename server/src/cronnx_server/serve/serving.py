"""From an environment that is complete to a server that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

from tritonclient.grpc.model_config_pb2 import ModelInstanceGroup

from cronnx_onnxruntime.cache import VARIABLE as CACHE_BYTES
from cronnx_server import engines, environment, progress, repository
from cronnx_server.add_model import placement
from cronnx_server.build_models.missing_models import Prepared, prepare
from cronnx_server.errors import RepositoryError, StartError
from cronnx_server.key import KEY
from cronnx_server.limits import raise_limits
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import playground, shared_memory, summary, tritonserver
from cronnx_server.serve.decisions import Decisions
from cronnx_server.serve.later_versions import LaterVersions
from cronnx_server.serve.log_events import json_lines
from cronnx_server.serve.log_lines import without_floods, without_gpu_errors, without_start_and_stop
from cronnx_server.serve.model_files import ModelFiles, Reloads
from cronnx_server.serve.options import MODEL_CONTROL, Options
from cronnx_server.serve.process import ServerProcess, stopping_on_signals
from cronnx_server.serve.stub_watch import StubWatch
from cronnx_server.serve.supervisor import Supervisor

# To complete a configuration, Triton starts a Python process more for each model, and waits a second for its end.
NO_AUTO_COMPLETE = "--disable-auto-complete-config"
WATCH_PERIOD_S = 0.5
STOP_MARGIN_S = 15.0
"""How much longer than its exit timeout a server may take to stop: a load that hangs keeps it from ending."""


def serve(options: Options) -> int:
    """Run a server in the foreground until it ends, and return its exit status.

    Raises:
        CommandError: The server could not be set up or started; the subclass says why.
    """
    folders = options.repositories or [MODEL_REPOSITORY, ENSEMBLES]
    repository.check(folders, profile=options.profile)
    check_gpu(folders, profile=options.profile)
    with environment.setup_lock():
        placement.recover()
        loadable = repository.loadable(folders)
        with ThreadPoolExecutor(1) as meanwhile:
            found = meanwhile.submit(tritonserver.distribution)
            if options.repositories:
                prepared = Prepared(list(options.models) or loadable, {})
            else:
                prepared = prepare(options.models or None, profile=options.profile)
        distribution, names = found.result(), prepared.names
    command = [
        *distribution.command(map(Path.resolve, folders)),
        *MODEL_CONTROL,
        *(() if options.repositories or not are_complete(folders, profile=options.profile) else (NO_AUTO_COMPLETE,)),
        *(f"--load-model={name}" for name in names),
        *options.flags(),
    ]
    working_folder = tritonserver.working_folder(options.profile)
    decisions = Decisions(options.addresses, key=options.key)
    # Python models inherit the server's environment and have no use for the key.
    variables = {name: value for name, value in distribution.environment().items() if name != KEY}
    variables |= decisions.environment
    if options.cache_bytes:
        if not distribution.has_stand_in:
            raise StartError("--cache: expected the project's onnxruntime backend, got NVIDIA's; see docs/cache.md")
        variables[CACHE_BYTES] = str(options.cache_bytes)
    reloads = Reloads(options.addresses, key=options.key)
    # With --watch, the new files are reason enough to load what is loaded.
    later = LaterVersions(prepared.later, load=reloads.load_absent if options.watch else reloads.load)
    ended = Event()

    def report() -> None:
        starting.close()
        if options.profile:
            engines.prove(working_folder)
        image_models = {} if options.repositories else repository.image_models(ENSEMBLES, names)
        further = [("playground", options.playground_url)] if options.playground_url else []
        summary.show(
            summary.of(options.addresses, image_models, later=list(prepared.later), key=options.key, further=further)
        )
        later.start()

    def start(extra_flags: Sequence[str]) -> ServerProcess:
        arguments = [*command, regions.flag(), *options.server_flags, *extra_flags]
        server = ServerProcess(arguments, variables, rewrite_log=shown, folder=working_folder)
        decisions.follow(server)
        return server

    def shown(lines: Iterable[str]) -> Iterator[str]:
        """The lines of the server's log as this command prints them."""
        if not (tritonserver.gpu_count() or options.is_verbose):
            lines = without_gpu_errors(lines)
        lines = without_floods(lines)
        if options.json_log:
            return json_lines(lines)
        return lines if options.is_verbose else without_start_and_stop(lines)

    raise_limits()
    with shared_memory.claimed() as regions, ExitStack() as starting, playground.running(options) as page:
        stub_watch = StubWatch(options.addresses, key=options.key)

        def watch(server: ServerProcess) -> float:
            page.check()
            return stub_watch.watch(server)

        def stop() -> None:
            page.stop()
            supervisor.stop()

        supervisor = Supervisor(
            start,
            options.addresses,
            watch=watch,
            on_end=regions.remove,
            stop_timeout_s=options.exit_timeout_s + STOP_MARGIN_S,
        )
        starting.enter_context(progress.running(f"Starting tritonserver with {len(names)} models"))
        if options.watch:
            Thread(target=_reload_changed, args=(folders, reloads.follow, ended), daemon=True).start()
        try:
            with stopping_on_signals(stop):
                return supervisor.run(report)
        finally:
            ended.set()
            later.stop()


def _reload_changed(folders: Sequence[Path], reload: Callable[[Path], None], ended: Event) -> None:
    files = ModelFiles(folders)
    while not ended.wait(WATCH_PERIOD_S):
        for folder in files.changed():
            reload(folder)


def check_gpu(folders: Iterable[Path], *, profile: str, gpus: int | None = None) -> None:
    """Raise StartError if a profile is for GPUs and this machine has none.

    Args:
        folders: The model repositories.
        profile: The profile; empty for none.
        gpus: The number of GPUs; None to count them.
    """
    if not profile or (tritonserver.gpu_count() if gpus is None else gpus):
        return
    for path in (path for folder in folders for path in sorted(folder.glob(f"*/configs/{profile}.pbtxt"))):
        config = repository.read_config(path.parents[1], profile=profile)
        if any(group.kind == ModelInstanceGroup.KIND_GPU for group in config.instance_group):
            raise StartError(f"the profile {profile} is for GPUs, and this machine has none; omit --profile")


def are_complete(folders: Iterable[Path], *, profile: str = "") -> bool:
    """Whether each configuration names its backend, its inputs and its outputs."""
    try:
        found = [
            repository.read_config(model, profile=profile)
            for folder in folders
            for model in folder.iterdir()
            if model.is_dir()
        ]
    except RepositoryError:
        return False
    return all((each.backend or each.platform) and each.input and each.output for each in found)
