"""The `config.json` and `export.json` of a Hugging Face model: its task, labels and the layout of its outputs.

Source: transformers 5.24, `models/*/modeling_*.py`, `pipelines/*.py`.
"""

from __future__ import annotations

import re

from cronnx_server.exports import image_processor
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.labels import numbered
from cronnx_server.exports.side_files import Entries
from cronnx_server.exports.source import Source
from cronnx_server.model_spec import Task

SOFTMAX_DETECTORS = ("detr", "yolos", "table-transformer")
SIGMOID_DETECTORS = (
    "conditional_detr",
    "d_fine",
    "dab-detr",
    "deformable_detr",
    "deimv2",
    "deta",
    "lw_detr",
    "rf_detr",
    "rt_detr",
    "rt_detr_v2",
)
CLS_TOKEN_ENCODERS = ("deit", "dino", "vit", "vit_mae", "vit_msn")
"""Models whose `pooler_output` is a layer that is often not trained, so that the first token is the embedding."""

NOT_A_TASK = {
    "ForUniversalSegmentation": "masks of queries are not supported; export a semantic segmentation model",
    "MaskFormerForInstanceSegmentation": "masks of queries are not supported; export a semantic segmentation model",
    "DetrForSegmentation": "masks of queries are not supported; export a semantic segmentation model",
    "ForInstanceSegmentation": "masks of queries are not supported; export a semantic segmentation model",
    "ForPoseEstimation": "it needs the boxes of persons; export a model that finds them, such as Ultralytics' pose",
    "SamModel": "it needs points or boxes beside the image",
    "Sam2Model": "it needs points or boxes beside the image",
    "ForZeroShotImageClassification": "it needs texts beside the image; export its vision model",
    "ForZeroShotObjectDetection": "it needs texts beside the image",
    "OwlViTForObjectDetection": "it needs texts beside the image",
    "Owlv2ForObjectDetection": "it needs texts beside the image",
    "GroundingDinoForObjectDetection": "it needs texts beside the image",
    "ForMaskedImageModeling": "it restores images, which is no supported task",
    "ForPreTraining": "it is made for training, not for answers",
    "ForVideoClassification": "it needs videos",
    "ForImageToImage": "it makes images, which is no supported task",
    "ForImageMatting": "it needs a trimap beside the image",
    "ForImageSuperResolution": "it makes images, which is no supported task",
    "Backbone": "it gives feature maps, which is no supported task",
    "ForKeypointDetection": "it finds points of interest, which is no supported task",
    "ForKeypointMatching": "it compares two images",
    "ForConditionalGeneration": "it makes text",
    "VisionEncoderDecoderModel": "it makes text",
    "ForQuestionAnswering": "it needs questions beside the image",
}
"""The ends of names of architectures whose answer is not one of the project's tasks, and why."""

TASK_ENDINGS = {
    "ForImageClassification": Task.CLASSIFICATION,
    "ForImageClassificationWithTeacher": Task.CLASSIFICATION,
    "ForObjectDetection": Task.DETECTION,
    "ForSemanticSegmentation": Task.SEMANTIC_SEGMENTATION,
    "ForDepthEstimation": Task.DEPTH,
    "VisionModelWithProjection": Task.EMBEDDING,
    "Model": Task.EMBEDDING,
}
NEVER_SET = re.compile(r"LABEL_\d+")
IMAGENET_SIZES = (1000, 1001)
"""The classes of ImageNet, of which a photograph has one."""
ACTIVATIONS = ("softmax", "sigmoid", "none")


def read(source: Source, facts: Facts) -> bool:
    """Add what the files of a Hugging Face model say.

    Returns:
        Whether there are such files.

    Raises:
        ModelFileError: A file is damaged, or says what this project cannot do.
    """
    config = source.entries("config.json")
    if config is not None and not {"model_type", "architectures"} & set(config):
        config = None
    model_type = (config.text("model_type") if config else None) or ""
    _add_task(source, config, model_type, facts)
    has_processor = image_processor.read(source, facts, model_type)
    return config is not None or has_processor


def _add_task(source: Source, config: Entries | None, model_type: str, facts: Facts) -> None:
    architecture, where = _architecture(source, config)
    task = _task(architecture, model_type, where, facts)
    config = config or Entries({}, "config.json")
    if task is Task.CLASSIFICATION:
        _add_classifier(config, where, facts)
    elif task is not None:
        facts.add("task", task.value, where)
    if task in (Task.DETECTION, Task.INSTANCE_SEGMENTATION):
        _add_detector(config, model_type, task, facts)
    if task is Task.EMBEDDING:
        _add_encoder(source, model_type, where, facts)
    if task not in (Task.EMBEDDING, Task.DEPTH):
        _add_labels(config, facts)


def _architecture(source: Source, config: Entries | None) -> tuple[str, str]:
    """The name of the model's class and where it is."""
    if config is not None and config.get("architectures"):
        names = config["architectures"]
        if not isinstance(names, list) or not isinstance(names[0], str):
            raise config.error("architectures", "a list of names")
        return names[0], config.where("architectures")
    export = source.entries("export.json")
    for key in ("components", "model", "metadata"):
        export = export.entries(key) if export else None
    if export is not None and (name := export.text("architecture")):
        return name, export.where("architecture")
    return "", ""


def _task(architecture: str, model_type: str, where: str, facts: Facts) -> Task | None:
    if architecture.endswith("ForInstanceSegmentation") and model_type == "rf_detr":
        return Task.INSTANCE_SEGMENTATION
    for ending, reason in NOT_A_TASK.items():
        if architecture.endswith(ending):
            facts.refuse("task", f"{architecture} is not supported: {reason}", where)
            return None
    return next((task for ending, task in TASK_ENDINGS.items() if architecture.endswith(ending)), None)


def _add_classifier(config: Entries, where: str, facts: Facts) -> None:
    """Add the task and activation that Transformers' `ImageClassificationPipeline` chooses."""
    kind, labels = config.text("problem_type"), config.get("id2label") or {}
    if kind == "regression":
        facts.refuse("task", "a regression is not supported: its values are no scores", config.where("problem_type"))
        return
    multiple = kind == "multi_label_classification" or (kind is None and len(labels) == 1)
    if multiple:
        where = config.where("problem_type" if kind else "id2label")
    function = config.text("function_to_apply")
    if function is not None and function not in ACTIVATIONS:
        facts.refuse(
            "activation",
            f"expected one of {', '.join(ACTIVATIONS)}, got {function!r}",
            config.where("function_to_apply"),
        )
        function = None
    facts.add("activation", function, config.where("function_to_apply"))
    if "task" in facts:  # an option, which says the activation too
        return
    facts.add("task", (Task.MULTI_LABEL if multiple else Task.CLASSIFICATION).value, where)
    activation = "sigmoid" if multiple else "softmax"
    if kind or len(labels) in IMAGENET_SIZES:
        facts.add("activation", activation, where)
    else:
        facts.assume("activation", activation, f"as Transformers, because {config.source} has no problem_type")


def _add_detector(config: Entries, model_type: str, task: Task, facts: Facts) -> None:
    where = config.where("model_type")
    if task is Task.INSTANCE_SEGMENTATION:
        facts.add("output_format", "detr_masks", where)
    elif model_type in SOFTMAX_DETECTORS:
        facts.add("output_format", "detr", where)
        facts.add("outputs", ("logits", "pred_boxes"), where)
    elif model_type in SIGMOID_DETECTORS:
        facts.add("output_format", "detr_sigmoid", where)
        facts.add("outputs", ("logits", "pred_boxes"), where)


def _add_encoder(source: Source, model_type: str, where: str, facts: Facts) -> None:
    outputs = [output.name for output in source.model.graph.output]
    order = ["image_embeds", "pooler_output", "last_hidden_state"]
    if model_type in CLS_TOKEN_ENCODERS:
        order = ["image_embeds", "last_hidden_state"]
    for name in order:
        if name in outputs:
            facts.add("outputs", (name,), where)
            facts.add("output_format", "cls_token" if name == "last_hidden_state" else "vector", where)


def _add_labels(config: Entries, facts: Facts) -> None:
    labels = config.get("id2label")
    if labels is None or "labels" in facts:
        return
    if not isinstance(labels, dict):
        raise config.error("id2label", "an object")
    texts = {key: str(value) for key, value in labels.items()}
    if texts and not all(map(NEVER_SET.fullmatch, texts.values())):
        facts.add("labels", numbered(texts, config.where("id2label")), config.where("id2label"))
