from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from cronnx_server.add_model.classifier import Classifier, Wrapping, read_network
from cronnx_server.add_model.classifier_signature import classifier_signature
from cronnx_server.add_model.model_file import read_model_file

from cronnx_server.add_model.proof import prove_classifier, prove_it_runs
from cronnx_server.errors import ModelFileError
from tests.unit.cronnx_server.add_model import graphs

WRAPPING = Wrapping(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), labels=["a", "b", "c"])


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    file = read_model_file(graphs.saved(graphs.classifier(classes=3, size=224), tmp_path))
    signature = classifier_signature(file.signature, size=None)
    return Classifier(file, signature, read_network(file.model, signature), WRAPPING)


def test_a_classifier_that_scores_as_its_graph_is_described_by_its_answer(classifier: Classifier) -> None:
    content = classifier.content(name="mine", version=1)
    proof = prove_classifier(content, classifier)
    title, *lines = str(proof).splitlines()
    assert title == f"scripts/pictures/coffee.jpg by mine/1@{classifier.file.sha256[:8]} in this process"
    assert sorted(line.split()[-1] for line in lines) == ["a", "b", "c"]


def test_a_classifier_that_scores_unlike_its_graph_is_refused(classifier: Classifier) -> None:
    content = classifier.content(name="mine", version=1)
    other = dataclasses.replace(WRAPPING, mean=(0.4, 0.5, 0.5))
    with pytest.raises(ModelFileError, match=r"expected the scores of mine\.onnx .*, got a difference of"):
        prove_classifier(content, dataclasses.replace(classifier, wrapping=other))


def test_a_graph_of_unknown_shapes_is_not_run_on_zeros(tmp_path: Path) -> None:
    prove_it_runs(read_model_file(graphs.saved(graphs.sum_of_two(["N", "width"]), tmp_path)))
