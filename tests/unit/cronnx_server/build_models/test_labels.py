from __future__ import annotations

from cronnx_server.build_models.labels import LABELS


def test_imagenets_classes_are_in_the_order_that_networks_are_trained_with() -> None:
    labels = LABELS["imagenet"]()
    assert len(labels) == 1000
    assert [labels[class_id] for class_id in (0, 281, 967, 999)] == [
        "tench, Tinca tinca",
        "tabby, tabby cat",
        "espresso",
        "toilet tissue, toilet paper, bathroom tissue",
    ]
