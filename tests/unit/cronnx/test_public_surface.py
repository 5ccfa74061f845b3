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


def test_public_classes_have_the_packages_name_as_their_module() -> None:
    assert {getattr(cronnx, name).__module__ for name in cronnx.__all__} == {"cronnx"}


def test_public_classes_and_methods_are_documented() -> None:
    for name in cronnx.__all__:
        kind = getattr(cronnx, name)
        members = [member for key, member in vars(kind).items() if key[0] != "_" and callable(member)]
        assert all(member.__doc__ for member in [kind, *members]), name


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def signatures(client: type) -> dict[str, list[tuple[str, object]]]:
        methods = {name: member for name, member in vars(client).items() if name[0] != "_" or name == "__init__"}
        return {
            name: [(each.name, each.default) for each in inspect.signature(method).parameters.values()]
            for name, method in methods.items()
        }

    assert signatures(cronnx.Client) == signatures(cronnx.AsyncClient)
