"""The files of an export of Azure Custom Vision: `cvexport.manifest` and `labels.txt`."""

from __future__ import annotations

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.labels import parse_labels
from cronnx_server.exports.side_files import Entries, parse_json
from cronnx_server.exports.source import Source
from cronnx_server.model_spec import Task

MANIFEST = "cvexport.manifest"
TASKS = {"Classification": Task.CLASSIFICATION, "ObjectDetection": Task.DETECTION}


def read(source: Source, facts: Facts) -> bool:
    """Add what the manifest says; the channel order and range of values are in the ONNX file's metadata.

    Returns:
        Whether Custom Vision wrote the model.

    Raises:
        ModelFileError: The manifest is damaged, or names another task.
    """
    text = source.text(MANIFEST)
    if text is None:
        return False
    manifest = Entries(parse_json(text, MANIFEST), MANIFEST)
    domain, where = manifest.text("DomainType") or "", manifest.where("DomainType")
    if domain in TASKS:
        facts.add("task", TASKS[domain].value, where)
    else:
        facts.refuse("task", f"expected {' or '.join(TASKS)}, got {domain!r}", where)
    labels = manifest.text("LabelFileName") or "labels.txt"
    if source.has(labels):
        facts.add("labels", parse_labels(source.text(labels) or "", labels), labels)
    facts.add("resize", "exact", f"{MANIFEST}, as its sample does")
    facts.assume("resample", "bicubic", "Pillow's default, as in Custom Vision's sample")
    facts.assume("antialias", True, "Pillow's default, as in Custom Vision's sample")
    return True
