"""Checks what models pass to each other: the tensors of ensembles, and the arms of routers.

Triton does not check routers: it does not know which models they call. Source: `ValidateEnsembleConfig` and
`ValidateEnsembleSchedulingConfig` of triton-inference-server/core.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tritonclient.grpc.model_config_pb2 import ModelEnsembling, ModelInput, ModelOutput

from cronnx_router import Arm
from cronnx_server.doctor.checks.files import not_loaded
from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.repositories import Model, Repositories, Tensor, shape
from cronnx_server.repository import arms

OF_MODELS_ONLY = ("instance_group", "model_warmup", "optimization", "backend")
"""Fields that an ensemble cannot have."""


@dataclass(frozen=True)
class _End:
    """One end of a connection between steps.

    Attributes:
        who: The step, or the ensemble itself.
        declared: The tensor there; None if the configuration does not declare it.
        batched: Whether the model there takes batches.
    """

    who: str
    declared: Tensor | None
    batched: bool

    @property
    def full_dims(self) -> list[int]:
        """The declared dims, with the batch's in front if there is one."""
        dims = list(self.declared.dims) if self.declared else []
        return [-1, *dims] if self.batched else dims


@dataclass(frozen=True)
class _Step:
    """A step of an ensemble, its position and its model."""

    position: int
    mapping: ModelEnsembling.Step
    model: Model

    @property
    def who(self) -> str:
        return f"step {self.position} ({self.model.name})"

    def consumed(self) -> list[tuple[str, _End]]:
        return self._ends(self.mapping.input_map, self.model.config.input)

    def produced(self) -> list[tuple[str, _End]]:
        return self._ends(self.mapping.output_map, self.model.config.output)

    def _ends(self, mapping: Mapping[str, str], declared: Iterable[ModelInput | ModelOutput]) -> list[tuple[str, _End]]:
        """The ends of the step's connections, by the ensemble's names of the tensors."""
        known, batched = {tensor.name: tensor for tensor in declared}, self.model.config.max_batch_size > 0
        return [(mapped, _End(self.who, known.get(name), batched)) for name, mapped in sorted(mapping.items())]


def ensembles(repositories: Repositories) -> Iterator[Finding]:
    """Find steps that do not exist, and tensors that do not connect them."""
    for ensemble in repositories.ensembles:
        yield from _fields(ensemble)
        yield from _missing(ensemble, repositories)
        steps = [
            _Step(position, mapping, repositories.by_name[mapping.model_name])
            for position, mapping in enumerate(ensemble.config.ensemble_scheduling.step, start=1)
            if mapping.model_name in repositories.by_name
        ]
        for step in steps:
            yield from _names(ensemble, step)
        if len(steps) == len(ensemble.config.ensemble_scheduling.step):
            yield from _connections(ensemble, steps)


def _fields(ensemble: Model) -> Iterator[Finding]:
    if not ensemble.config.ensemble_scheduling.step:
        yield error(ensemble.config_path, "an ensemble without steps", "Add ensemble_scheduling { step [ … ] }.")
    present = {field.name for field, _ in ensemble.config.ListFields()}
    for field in sorted(present.intersection(OF_MODELS_ONLY)):
        yield error(ensemble.config_path, f"an ensemble cannot have {field}", "Move it to the models of its steps.")


def _missing(ensemble: Model, repositories: Repositories) -> Iterator[Finding]:
    for position, step in enumerate(ensemble.config.ensemble_scheduling.step, start=1):
        if step.model_name not in repositories.names:
            yield error(
                ensemble.config_path,
                f"step {position} is '{step.model_name}', which is in none of the repositories",
                f"{_did_you_mean(step.model_name, repositories.names)}Name a model that exists, or add its repository.",
            )


def _names(ensemble: Model, step: _Step) -> Iterator[Finding]:
    """Find mapped names that the step's model does not have, and inputs of it that are not mapped."""
    inputs, outputs = step.model.config.input, step.model.config.output
    if not inputs and not outputs:
        return  # Triton completes the configuration
    yield from _unknown(ensemble, step, "input", step.mapping.input_map, {tensor.name for tensor in inputs})
    yield from _unknown(ensemble, step, "output", step.mapping.output_map, {tensor.name for tensor in outputs})
    for tensor in inputs:
        if not tensor.optional and tensor.name not in step.mapping.input_map:
            yield error(
                ensemble.config_path,
                f"the input '{tensor.name}' of {step.who} is not mapped",
                f'Add input_map {{ key: "{tensor.name}" value: … }} to that step.',
            )


def _unknown(
    ensemble: Model, step: _Step, kind: str, mapped: Iterable[str], known: Collection[str]
) -> Iterator[Finding]:
    for name in sorted(set(mapped).difference(known)):
        yield error(
            ensemble.config_path,
            f"{step.who} has no {kind} '{name}'; it has {', '.join(sorted(known)) or 'none'}",
            f"{_did_you_mean(name, known)}Correct the key in {kind}_map.",
        )


def _connections(ensemble: Model, steps: Sequence[_Step]) -> Iterator[Finding]:
    """Find tensors that are produced twice, never used, never produced, or of two shapes."""
    produced = [*_own(ensemble, "input"), *(end for step in steps for end in step.produced())]
    consumed = [*_own(ensemble, "output"), *(end for step in steps for end in step.consumed())]
    producers = dict(reversed(produced))
    for name, producer in produced:
        if producer is not producers[name]:
            problem = f"'{name}' is produced twice, by {producers[name].who} and by {producer.who}"
            yield error(ensemble.config_path, problem, "Rename one of the two.")
        if name not in dict(consumed):
            problem = f"nothing uses '{name}' of {producer.who}"
            yield error(ensemble.config_path, problem, "Remove it, or map it to an input or an output.")
    for name, consumer in consumed:
        if name not in producers:
            problem = f"nothing produces '{name}' for {consumer.who}"
            remedy = f"{_did_you_mean(name, producers)}Map it from an input or from the output of a step."
            yield error(ensemble.config_path, problem, remedy)
        else:
            yield from _disagreement(ensemble, name, producers[name], consumer)


def _own(ensemble: Model, kind: str) -> Iterator[tuple[str, _End]]:
    """The ensemble's own inputs or outputs."""
    for tensor in getattr(ensemble.config, kind):
        yield tensor.name, _End(f"the ensemble's {kind}", tensor, ensemble.config.max_batch_size > 0)


def _disagreement(ensemble: Model, name: str, producer: _End, consumer: _End) -> Iterator[Finding]:
    """Find different types or dims, where -1 matches any size and the batch's dim may be written or not."""
    given, expected = producer.declared, consumer.declared
    if given is None or expected is None:
        return  # another finding names it, or Triton completes it
    fit = _match(given.dims, expected.dims) or _match(producer.full_dims, consumer.full_dims)
    if given.data_type != expected.data_type or not fit:
        problem = f"'{name}' is {shape(given)} from {producer.who} but {shape(expected)} for {consumer.who}"
        yield error(ensemble.config_path, problem, "Make the two the same, or name the step that fits.")


def _match(one: Sequence[int], other: Sequence[int]) -> bool:
    return len(one) == len(other) and all(a == b or -1 in (a, b) for a, b in zip(one, other, strict=True))


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"Did you mean '{close[0]}'? " if close else ""


def routers(repositories: Repositories) -> Iterator[Finding]:
    """Find arms that do not exist, are not loaded, or have other outputs than their router."""
    for router in repositories.steps:
        for arm in arms(router.config):
            yield from _arm(router, arm, repositories)


def _arm(router: Model, arm: Arm, repositories: Repositories) -> Iterator[Finding]:
    model = repositories.by_name.get(arm.model_name)
    if model is None:
        if arm.model_name not in repositories.names:
            yield error(
                router.config_path,
                f"the model of arm {arm} is in none of the repositories",
                "Name a model that exists, or add its repository.",
            )
        return
    if arm.model_version not in model.loaded_versions:
        yield error(router.config_path, *not_loaded("an arm", model, arm.model_version))
    given = {tensor.name: shape(tensor) for tensor in model.config.output}
    for output in router.config.output:
        if given and given.get(output.name) != shape(output):
            yield error(
                router.config_path,
                f"output '{output.name}' is {shape(output)}, but {given.get(output.name, 'missing')} in {model.name}",
                "Make the two the same, or remove that arm.",
            )
