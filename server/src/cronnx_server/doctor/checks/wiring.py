"""That the tensors of every ensemble find their way.

Source: `ValidateEnsembleConfig` and `ValidateEnsembleSchedulingConfig` of triton-inference-server/core.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tritonclient.grpc.model_config_pb2 import ModelEnsembling, ModelInput, ModelOutput

from cronnx_server.doctor.checks.tensors import Tensor, shape
from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.repositories import Model, Repositories

OF_MODELS_ONLY = ("instance_group", "model_warmup", "optimization", "backend")


@dataclass(frozen=True)
class _End:
    """One end of a tensor's way: who makes or takes it, and as what, where a configuration says."""

    who: str
    declared: Tensor | None
    batched: bool

    @property
    def full_dims(self) -> list[int]:
        """The declared dims, after the batch's where there is one."""
        dims = list(self.declared.dims) if self.declared else []
        return [-1, *dims] if self.batched else dims


@dataclass(frozen=True)
class _Step:
    """A step with its model."""

    position: int
    mapping: ModelEnsembling.Step
    model: Model

    @property
    def who(self) -> str:
        return f"step {self.position} ({self.model.name})"

    def taken(self) -> list[tuple[str, _End]]:
        return self._ends(self.mapping.input_map, self.model.config.input)

    def made(self) -> list[tuple[str, _End]]:
        return self._ends(self.mapping.output_map, self.model.config.output)

    def _ends(self, mapping: Mapping[str, str], declared: Iterable[ModelInput | ModelOutput]) -> list[tuple[str, _End]]:
        """Each with the ensemble's name of the tensor."""
        known, batched = {tensor.name: tensor for tensor in declared}, self.model.config.max_batch_size > 0
        return [(mapped, _End(self.who, known.get(name), batched)) for name, mapped in sorted(mapping.items())]


def check(repositories: Repositories) -> Iterator[Finding]:
    """Findings about ensembles."""
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
            yield from _ways(ensemble, steps)


def _fields(ensemble: Model) -> Iterator[Finding]:
    if not ensemble.config.ensemble_scheduling.step:
        yield error(ensemble.config_path, "an ensemble without a step", "Add ensemble_scheduling { step [ … ] }.")
    present = {field.name for field, _ in ensemble.config.ListFields()}
    for field in sorted(present.intersection(OF_MODELS_ONLY)):
        yield error(
            ensemble.config_path, f"an ensemble cannot have {field}", "Take it out; give it to the models of its steps."
        )


def _missing(ensemble: Model, repositories: Repositories) -> Iterator[Finding]:
    for position, step in enumerate(ensemble.config.ensemble_scheduling.step, start=1):
        if step.model_name not in repositories.names:
            yield error(
                ensemble.config_path,
                f"step {position} is '{step.model_name}', which is in none of the repositories",
                f"{_meant(step.model_name, repositories.names)}Name a model, or give its repository too.",
            )


def _names(ensemble: Model, step: _Step) -> Iterator[Finding]:
    """Findings about names that the step's model does not have, and inputs that it lacks."""
    inputs, outputs = step.model.config.input, step.model.config.output
    if not inputs and not outputs:
        return  # Triton completes the configuration
    yield from _unknown(ensemble, step, "input", step.mapping.input_map, {tensor.name for tensor in inputs})
    yield from _unknown(ensemble, step, "output", step.mapping.output_map, {tensor.name for tensor in outputs})
    for tensor in inputs:
        if not tensor.optional and tensor.name not in step.mapping.input_map:
            yield error(
                ensemble.config_path,
                f"{step.who} is not given its input '{tensor.name}'",
                f'Add input_map {{ key: "{tensor.name}" value: … }} to that step.',
            )


def _unknown(
    ensemble: Model, step: _Step, kind: str, mapped: Iterable[str], known: Collection[str]
) -> Iterator[Finding]:
    for name in sorted(set(mapped).difference(known)):
        yield error(
            ensemble.config_path,
            f"{step.who} has no {kind} '{name}'; it has {', '.join(sorted(known)) or 'none'}",
            f"{_meant(name, known)}Correct the key in {kind}_map.",
        )


def _ways(ensemble: Model, steps: Sequence[_Step]) -> Iterator[Finding]:
    """Findings about tensors on their way from where they are made to where they are taken."""
    made = [*_own(ensemble, "input"), *(end for step in steps for end in step.made())]
    taken = [*_own(ensemble, "output"), *(end for step in steps for end in step.taken())]
    makers = dict(reversed(made))
    for name, maker in made:
        if maker is not makers[name]:
            problem = f"'{name}' is made twice, by {makers[name].who} and by {maker.who}"
            yield error(ensemble.config_path, problem, "Give one of the two another name.")
        if name not in dict(taken):
            problem = f"'{name}' of {maker.who} goes nowhere"
            yield error(ensemble.config_path, problem, "Take it out, or map it to an input or an output.")
    for name, taker in taken:
        if name not in makers:
            problem = f"'{name}' for {taker.who} comes from nowhere"
            remedy = f"{_meant(name, makers)}Map it from an input or a step's output."
            yield error(ensemble.config_path, problem, remedy)
        else:
            yield from _disagreement(ensemble, name, makers[name], taker)


def _own(ensemble: Model, kind: str) -> Iterator[tuple[str, _End]]:
    """The ensemble's own inputs or outputs."""
    for tensor in getattr(ensemble.config, kind):
        yield tensor.name, _End(f"the ensemble's {kind}", tensor, ensemble.config.max_batch_size > 0)


def _disagreement(ensemble: Model, name: str, maker: _End, taker: _End) -> Iterator[Finding]:
    """A finding unless types are equal and dims match, those of any size included, with or without the batch's."""
    made, taken = maker.declared, taker.declared
    if made is None or taken is None:
        return  # named by another finding, or completed by Triton
    fit = _match(made.dims, taken.dims) or _match(maker.full_dims, taker.full_dims)
    if made.data_type != taken.data_type or not fit:
        problem = f"'{name}' is {shape(made)} from {maker.who} but {shape(taken)} for {taker.who}"
        yield error(ensemble.config_path, problem, "Make the two the same, or name the step that fits.")


def _match(one: Sequence[int], other: Sequence[int]) -> bool:
    return len(one) == len(other) and all(a == b or -1 in (a, b) for a, b in zip(one, other, strict=True))


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"Is '{close[0]}' meant? " if close else ""
