from __future__ import annotations

import inspect

import cronnx


def test_every_name_in_all_can_be_imported() -> None:
    assert all(hasattr(cronnx, name) for name in cronnx.__all__)


def test_every_public_class_is_in_all() -> None:
    public = {name for name, member in vars(cronnx).items() if inspect.isclass(member) and name[0] != "_"}
    assert public == set(cronnx.__all__)


def test_all_is_sorted() -> None:
    assert list(cronnx.__all__) == sorted(cronnx.__all__)


def test_public_classes_call_the_package_their_home() -> None:
    assert {getattr(cronnx, name).__module__ for name in cronnx.__all__} == {"cronnx"}


def test_public_classes_and_methods_are_documented() -> None:
    for name in cronnx.__all__:
        kind = getattr(cronnx, name)
        members = [member for key, member in vars(kind).items() if key[0] != "_" and callable(member)]
        assert all(member.__doc__ for member in [kind, *members]), name
