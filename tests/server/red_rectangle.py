"""A detector of a red rectangle: its answers are right only if the photo's place on the network's input is known."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import onnx.parser
from PIL import Image, ImageDraw

from tests.server.repositories import ONE_INSTANCE, parameter, put, put_onnx

Box = tuple[int, int, int, int]

DETECTOR, CLASS_MAP, DEPTH, EMBEDDING = "red_rectangle", "red_or_not", "red_is_near", "red_vector"
LABEL = "target"
SCORES = {"1": 0.9, "2": 0.6}
CLASS_ID = 1
SIZE = 320

_NETWORK = "red_rectangle_onnx"
_PREPROCESS = f"preprocess_{SIZE}_letterbox"
_PIXELS = f'{{ name: "pixels" data_type: TYPE_UINT8 dims: [ {SIZE}, {SIZE}, 3 ] }}'
_GEOMETRY = '{ name: "geometry" data_type: TYPE_FP32 dims: [ 6 ] }'
_RECIPE: Mapping[str, str] = {"resize": "letterbox", "resize_size": str(SIZE), "resample": "bilinear", "fill": "114"}

_OUTPUTS = {
    "num_detections": "data_type: TYPE_INT32 dims: [ 1 ]",
    "box": "data_type: TYPE_FP32 dims: [ 1, 4 ]",
    "score": "data_type: TYPE_FP32 dims: [ 1 ]",
    "class_id": "data_type: TYPE_INT64 dims: [ 1 ]",
    "label": "data_type: TYPE_STRING dims: [ 1 ]",
    "served_by": "data_type: TYPE_STRING dims: [ 1 ]",
    "class_map": f"data_type: TYPE_UINT8 dims: [ {SIZE}, {SIZE} ]",
    "class_names": "data_type: TYPE_STRING dims: [ 2 ]",
    "depth": f"data_type: TYPE_FP32 dims: [ {SIZE}, {SIZE} ]",
    "embedding": "data_type: TYPE_FP32 dims: [ 2 ]",
}
_DETECTION = {name: name for name in ("num_detections", "box", "score", "class_id", "label", "served_by")}
ENSEMBLES = {
    DETECTOR: ("detection", _DETECTION),
    CLASS_MAP: ("semantic_segmentation", {"class_map": "class_map", "class_names": "label", "served_by": "served_by"}),
    DEPTH: ("depth", {"depth": "depth", "served_by": "served_by"}),
    EMBEDDING: ("embedding", {"embedding": "embedding", "served_by": "served_by"}),
}

_GRAPH = """
<ir_version: 8, opset_import: [ "" : 17 ]>
red_rectangle (uint8[n, SIZE, SIZE, 3] pixels, float[n, 6] geometry) => (
  int32[n, 1] num_detections, float[n, 1, 4] box, float[n, 1] score, int64[n, 1] class_id, string[n, 1] label,
  string[n, 1] served_by, uint8[n, SIZE, SIZE] class_map, string[n, 2] class_names, float[n, SIZE, SIZE] depth,
  float[n, 2] embedding
) <
  int64[1] one = {1}, int64[1] last = {-1}, float least = {100}, int64[4] scales = {2, 3, 2, 3},
  int64[4] pads = {4, 5, 4, 5}, float[1, 1] known_score = {SCORE}, int64[1, 1] known_class = {CLASS_ID},
  string[1, 1] known_label = {"LABEL"}, string[1, 1] version = {"red_rectangle_onnx/VERSION@00000000"},
  string[1, 2] known_names = {"the rest", "LABEL"}, float whole = {1.0}
> {
  values = Cast<to = 1>(pixels)
  red, green, blue = Split<axis = 3>(values)
  redness = Sub(red, green)
  is_red = Greater(redness, least)
  mask = Cast<to = 1>(is_red)
  columns = ReduceMax<axes = [1, 3], keepdims = 0>(mask)
  rows = ReduceMax<axes = [2, 3], keepdims = 0>(mask)
  left = ArgMax<axis = 1>(columns)
  top = ArgMax<axis = 1>(rows)
  right = ArgMax<axis = 1, select_last_index = 1>(columns)
  bottom = ArgMax<axis = 1, select_last_index = 1>(rows)
  past_right = Add(right, one)
  past_bottom = Add(bottom, one)
  corners = Concat<axis = 1>(left, top, past_right, past_bottom)
  corner_values = Cast<to = 1>(corners)
  scale = Gather<axis = 1>(geometry, scales)
  pad = Gather<axis = 1>(geometry, pads)
  unpadded = Sub(corner_values, pad)
  photo_box = Div(unpadded, scale)
  box = Unsqueeze(photo_box, one)
  found = ReduceMax<axes = [1], keepdims = 1>(columns)
  num_detections = Cast<to = 6>(found)
  rows_of_one = Shape(found)
  score = Expand(known_score, rows_of_one)
  class_id = Expand(known_class, rows_of_one)
  label = Expand(known_label, rows_of_one)
  served_by = Expand(version, rows_of_one)
  class_names = Expand(known_names, rows_of_one)
  depth = Squeeze(mask, last)
  class_map = Cast<to = 2>(depth)
  share = ReduceMean<axes = [1, 2, 3], keepdims = 0>(mask)
  red_share = Unsqueeze(share, one)
  other_share = Sub(whole, red_share)
  vector = Concat<axis = 1>(red_share, other_share)
  length = ReduceL2<axes = [1], keepdims = 1>(vector)
  embedding = Div(vector, length)
}
"""


def write(repository: Path, *, odd_label: str, odd_name: str) -> None:
    """Write a network of two versions, and an ensemble of each task over version 1.

    Args:
        repository: The model repository.
        odd_label: What version 2 calls the rectangle.
        odd_name: The name of a detector over version 2.
    """
    inputs = f"max_batch_size: 4\ninput [ {_PIXELS}, {_GEOMETRY} ]\n"
    described = ", ".join(f'{{ name: "{name}" {tensor} }}' for name, tensor in _OUTPUTS.items())
    config = f"{inputs}output [ {described} ]\nversion_policy {{ all {{ }} }}\n{ONE_INSTANCE}"
    for version, label in (("1", LABEL), ("2", odd_label)):
        put_onnx(repository, _NETWORK, _graph(version, label), config, version=int(version))
    _write_preprocess(repository)
    for name, (task, outputs) in ENSEMBLES.items():
        _write_ensemble(repository, name, task, outputs, version="1")
    _write_ensemble(repository, odd_name, "detection", _DETECTION, version="2")


def photo(box: Box, *, size: tuple[int, int] = (640, 400), orientation: int = 1) -> bytes:
    """Return a grey PNG with a red rectangle.

    Args:
        box: Where it lies in the upright photo: x1, y1, x2, y2.
        size: The upright photo's width and height.
        orientation: How the file's Exif says that it is turned: 1, or 6 for a photo taken with the camera upright.
    """
    picture = Image.new("RGB", size, (128, 128, 128))
    ImageDraw.Draw(picture).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=(255, 0, 0))
    if orientation == 6:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    return file.getvalue()


def _graph(version: str, label: str) -> bytes:
    text = _GRAPH.replace("SIZE", str(SIZE)).replace("SCORE", str(SCORES[version]))
    text = text.replace("CLASS_ID", str(CLASS_ID)).replace("VERSION", version)
    return onnx.parser.parse_model(text.replace("LABEL", label.replace('"', '\\"'))).SerializeToString()


def _write_preprocess(repository: Path) -> None:
    image = 'input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ]'
    recipe = "".join(parameter(key, value) for key, value in _RECIPE.items())
    config = f'backend: "preprocess"\nmax_batch_size: 4\n{image}\noutput [ {_PIXELS}, {_GEOMETRY} ]\n{recipe}'
    put(repository, _PREPROCESS, config + ONE_INSTANCE)


def _write_ensemble(repository: Path, name: str, task: str, outputs: Mapping[str, str], *, version: str) -> None:
    """Write an ensemble. Args: outputs: Its outputs by the network's."""
    needs_geometry = task in ("semantic_segmentation", "depth")
    described = [f'{{ name: "{output}" {_OUTPUTS[inner]} }}' for inner, output in outputs.items()]
    described += [_GEOMETRY] if needs_geometry else []
    output_map = " ".join(f'output_map {{ key: "{inner}" value: "{output}" }}' for inner, output in outputs.items())
    config = f"""platform: "ensemble"
max_batch_size: 4
input [ {{ name: "image" data_type: TYPE_STRING dims: [ 1 ] }} ]
output [ {", ".join(described)} ]
ensemble_scheduling {{
  step [
    {{
      model_name: "{_PREPROCESS}" model_version: -1
      input_map {{ key: "image" value: "image" }}
      output_map {{ key: "pixels" value: "pixels" }} output_map {{ key: "geometry" value: "geometry" }}
    }},
    {{
      model_name: "{_NETWORK}" model_version: {version}
      input_map {{ key: "pixels" value: "pixels" }} input_map {{ key: "geometry" value: "geometry" }}
      {output_map}
    }}
  ]
}}
{parameter("task", task)}"""
    put(repository, name, config)
