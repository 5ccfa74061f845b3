"""docs/reference.md: the public classes of the client, from their signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from string import Template

import cronnx

TEMPLATE = Path(__file__).with_name("reference.txt")

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):$", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): ", re.MULTILINE)
_TITLES = {"Args": "Arguments", "Returns": "Returns", "Raises": "Raises"}
_SEE_TWIN = re.compile(r"[^.]*; see `Client\.\w+`\.")
_WIDTH = 100


def reference() -> str:
    """The text of the document."""
    groups: dict[str, list[type]] = {"clients": [], "answers": [], "models": [], "options": [], "errors": []}
    for name in cronnx.__all__:
        public = getattr(cronnx, name)
        groups[_group(public)].append(public)
    groups["clients"].reverse()  # Client explains what AsyncClient refers to
    groups["errors"].sort(key=lambda error: (error is not cronnx.CronnxError, error.__name__))
    return Template(TEMPLATE.read_text()).substitute(
        {group: "\n\n".join(map(_class, members)) for group, members in groups.items()}
    )


def _group(public: type) -> str:
    if issubclass(public, Exception):
        return "errors"
    if public in (cronnx.Client, cronnx.AsyncClient):
        return "clients"
    if public in (cronnx.Retry, cronnx.Tls):
        return "options"
    is_of_models = public.__name__.startswith("Model") or public.__name__.endswith("Info")
    return "models" if is_of_models or public is cronnx.Promotion else "answers"


def _class(public: type) -> str:
    paragraphs = [f"### {public.__name__}", *_bases(public)]
    text, sections = _parsed(public)
    paragraphs.append(text)
    if "Attributes" in sections:
        paragraphs.append(_listed({**_typed(public, sections["Attributes"]), **_properties(public)}))
    members = {name: member for name, member in vars(public).items() if name == "__init__" or name[0] != "_"}
    functions = {name: member for name, member in members.items() if inspect.isfunction(member)}
    has_init_of_its_own = not is_dataclass(public) and not issubclass(public, Exception)
    for name, function in functions.items():
        if (name != "__init__" or has_init_of_its_own) and not _SEE_TWIN.fullmatch(inspect.getdoc(function) or ""):
            paragraphs += _function(public.__name__, name, function)
    return "\n\n".join(each for each in paragraphs if each)


def _bases(public: type) -> Iterator[str]:
    if issubclass(public, Exception):
        bases = ", ".join(f"`{base.__name__}`" for base in public.__bases__)
        yield f"Base: {bases}."


def _function(owner: str, name: str, function: Callable[..., object]) -> Iterator[str]:
    text, sections = _parsed(function)
    if name != "__init__":
        yield f"#### {owner}.{name}"
    yield f"```python\n{_signature(owner if name == '__init__' else name, function)}\n```"
    yield text
    for section, title in _TITLES.items():
        if section in sections:
            entries = sections[section]
            yield f"{title}: {entries['']}" if "" in entries else f"{title}:\n\n{_listed(entries)}"


def _signature(name: str, function: Callable[..., object]) -> str:
    """Write a signature on one line, or with a parameter on each."""
    signature = inspect.signature(function)
    parameters = [each.replace(annotation=_Verbatim(each.annotation)) for each in signature.parameters.values()]
    texts, keywords_only = [], False
    for each in parameters[1:]:
        if each.kind is each.KEYWORD_ONLY and not keywords_only:
            texts.append("*")
            keywords_only = True
        texts.append(str(each))
    start = f"{'async ' if inspect.iscoroutinefunction(function) else ''}def {name}"
    end = "" if name[0].isupper() else f" -> {signature.return_annotation}"
    start = name if name[0].isupper() else start
    line = f"{start}({', '.join(texts)}){end}"
    return line if len(line) <= _WIDTH else "\n".join([f"{start}(", *(f"    {text}," for text in texts), f"){end}"])


class _Verbatim:
    """An annotation that `inspect` shows as it is in the source, without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _parsed(documented: object) -> tuple[str, dict[str, dict[str, str]]]:
    """Return the text of a docstring and the entries of its sections, by name; a plain text has an empty name."""
    text, *parts = _SECTION.split(inspect.getdoc(documented) or "")
    sections = {}
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        entries = _ENTRY.split(body)[1:]
        by_name = {name: _joined(entry) for name, entry in zip(entries[::2], entries[1::2], strict=True)}
        sections[title] = by_name or {"": _joined(body)}
    return text.strip(), sections


def _joined(text: str) -> str:
    return " ".join(text.split())


def _typed(public: type, entries: Mapping[str, str]) -> dict[str, str]:
    """Add the type of each attribute, and its default if it has one."""
    types: Mapping[str, str] = {name: kind for base in public.__mro__ for name, kind in _annotations(base).items()}
    defaults = {}
    if is_dataclass(public):
        defaults = {each.name: each.default for each in fields(public) if each.default is not MISSING}
    return {_heading(name, types.get(name), defaults.get(name, MISSING)): text for name, text in entries.items()}


def _heading(name: str, kind: str | None, default: object) -> str:
    facts = [*([f"`{kind}`"] if kind else []), *([f"default `{default!r}`"] if default is not MISSING else [])]
    return f"`{name}` ({', '.join(facts)})" if facts else f"`{name}`"


def _annotations(public: type) -> Mapping[str, str]:
    annotations: Mapping[str, str] = vars(public).get("__annotations__", {})
    return annotations


def _properties(public: type) -> dict[str, str]:
    found = {}
    for name, member in vars(public).items():
        if isinstance(member, property) and name[0] != "_":
            kind = inspect.signature(member.fget).return_annotation if member.fget else ""
            found[f"`{name}` (`{kind}`)"] = _joined(inspect.getdoc(member) or "")
    return found


def _listed(entries: Mapping[str, str]) -> str:
    return "\n".join(f"- {name if name[0] == '`' else f'`{name}`'}: {text}" for name, text in entries.items())
