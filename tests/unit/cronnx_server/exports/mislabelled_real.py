"""Real exports whose metadata or side files are removed or changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

VALUES = ("--mean", "--std", "--scale", "--bgr", "--no-bgr")


@dataclass(frozen=True, kw_only=True)
class RealVariant:
    """A change of what an exporter wrote.

    Attributes:
        name: What is wrong.
        model: The folder of the export.
        options: The options of which a refusal or a warning names one.
        removed: The side files that are removed.
        changes: Entries of JSON files that are changed, by the file; None removes one.
        metadata: Whether the file keeps its metadata.
        labels: How many labels labels.txt has beyond those of the model; None if there is no labels.txt.
        arguments: Options of `scripts/add_model`.
    """

    name: str
    model: str
    options: Sequence[str]
    removed: Sequence[str] = ()
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metadata: bool = True
    labels: int | None = None
    arguments: Sequence[str] = ()

    def write(self, exports: Path, folder: Path) -> Path:
        """Write the changed files; the folder."""
        folder.mkdir(parents=True)
        for path in (exports / self.model).iterdir():
            if path.name not in ("expected.json", "expected.npz", *self.removed):
                (folder / path.name).symlink_to(path)
        for name, changes in self.changes.items():
            entries = {**json.loads((folder / name).read_text()), **changes}
            (folder / name).unlink()
            (folder / name).write_text(json.dumps({key: value for key, value in entries.items() if value is not None}))
        if not self.metadata:
            model = onnx.load(folder / "model.onnx")
            del model.metadata_props[:]
            (folder / "model.onnx").unlink()
            onnx.save(model, folder / "model.onnx")
        if self.labels is not None:
            labels = json.loads((exports / self.model / "expected.json").read_text())["labels"]
            labels = [*labels, "one more"][: len(labels) + self.labels]
            (folder / "labels.txt").write_text("\n".join(labels))
        return folder


PROCESSOR = "preprocessor_config.json"
HUGGING_FACE = ("config.json", PROCESSOR, "export.json")
REAL = [
    RealVariant(name="hf_vit, model alone", model="hf_vit", removed=HUGGING_FACE, options=("--labels",)),
    RealVariant(name="hf_vit, labels.txt alone", model="hf_vit", removed=HUGGING_FACE, labels=0, options=VALUES),
    RealVariant(name="hf_vit without its processor", model="hf_vit", removed=(PROCESSOR,), options=VALUES),
    RealVariant(
        name="hf_vit, mean of bytes",
        model="hf_vit",
        changes={PROCESSOR: {"image_mean": [123.7, 116.3, 103.5], "image_std": [58.4, 57.1, 57.4]}},
        options=VALUES,
    ),
    RealVariant(
        name="hf_vit_multilabel without problem_type",
        model="hf_vit_multilabel",
        changes={"config.json": {"problem_type": None}},
        options=("--activation", "--task"),
    ),
    RealVariant(
        name="hf_vit_multilabel as regression",
        model="hf_vit_multilabel",
        changes={"config.json": {"problem_type": "regression"}},
        options=("--task",),
    ),
    RealVariant(
        name="hf_mobilevit marked as RGB",
        model="hf_mobilevit",
        changes={PROCESSOR: {"do_flip_channel_order": False}},
        options=("--bgr",),
    ),
    RealVariant(
        name="hf_convnext marked as BGR",
        model="hf_convnext",
        changes={PROCESSOR: {"do_flip_channel_order": True}},
        options=("--no-bgr",),
    ),
    RealVariant(name="hf_convnext without its processor", model="hf_convnext", removed=(PROCESSOR,), options=VALUES),
    RealVariant(
        name="timm_mobilevit_xxs, labels.txt alone",
        model="timm_mobilevit_xxs",
        removed=("config.json",),
        labels=0,
        options=VALUES,
    ),
    RealVariant(name="hf_dinov2, model alone", model="hf_dinov2", removed=HUGGING_FACE, options=("--task", *VALUES)),
    RealVariant(
        name="hf_clip_vision without its processor", model="hf_clip_vision", removed=(PROCESSOR,), options=VALUES
    ),
    RealVariant(
        name="BGR of 0 to 255, unmarked", model="bgr_0_255_metadata", metadata=False, labels=0, options=("--bgr",)
    ),
    RealVariant(name="uint8_nhwc, one label less", model="uint8_nhwc", labels=-1, options=("--labels",)),
    RealVariant(name="keras_rescaling, one label more", model="keras_rescaling", labels=1, options=("--labels",)),
    RealVariant(name="fp16_keep_io, features", model="fp16_keep_io", arguments=("--task", "embedding"), options=VALUES),
    RealVariant(name="yolo11n_cls, unmarked", model="yolo11n_cls", metadata=False, labels=0, options=VALUES),
    RealVariant(name="yolo11n, unmarked", model="yolo11n", metadata=False, options=("--labels",)),
    RealVariant(
        name="yolo11n_pose, one label more", model="yolo11n_pose", metadata=False, labels=1, options=("--labels",)
    ),
]
