"""Changes that are made on every server of a client, or on none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from cronnx._errors import CronnxError
from cronnx._session import Session

A = TypeVar("A")
S = TypeVar("S")
A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True)
class Change(Generic[A_co]):
    """A change of one server, which was checked.

    Attributes:
        make: Makes the change.
        undo: Restores what was there before, also after `make` has failed; None if that is not possible.
    """

    make: Callable[[], Awaitable[A_co]]
    undo: Callable[[], Awaitable[object]] | None


async def change_all(session: Session, check: Callable[[Session], Awaitable[Change[A]]]) -> list[A]:
    """Check a change on every server, then make it on one server after the other.

    Nothing is changed if a check fails. If a change fails, it is undone on the servers that have it, and the others do
    not get it.

    Args:
        session: The servers.
        check: Checks the change on one server.

    Returns:
        What `make` returned for each server.

    Raises:
        CronnxError: The first failure. With several servers, the message names the server and says what was done.
    """
    return await make_all(await on_each(session.servers(), check))


async def make_all(changes: Mapping[str, Change[A]]) -> list[A]:
    """Make checked changes on one server after the other; see `change_all`."""
    results = []
    for number, (name, change) in enumerate(changes.items(), 1):
        try:
            results.append(await change.make())
        except CronnxError as error:
            reached = dict(list(changes.items())[:number])
            raise _with_report(error, name, await _undo(reached, failed=name)) from error
    return results


async def on_each(servers: Mapping[str, S], check: Callable[[S], Awaitable[A]]) -> dict[str, A]:
    """Read or check something on all servers at a time, before anything is changed.

    Args:
        servers: What `check` needs of each server, by its address.
        check: Reads or checks one server.

    Raises:
        CronnxError: The first failure. With several servers, the message names all that failed.
    """
    results = await asyncio.gather(*map(check, servers.values()), return_exceptions=True)
    answers = {}
    for name, result in zip(servers, results, strict=True):
        if isinstance(result, CronnxError):
            others = [
                f"{other}: {error}"
                for other, error in zip(servers, results, strict=True)
                if other != name and isinstance(error, CronnxError)
            ]
            raise _with_report(result, name, [*others, "nothing was changed"] if name else [])
        if isinstance(result, BaseException):
            raise result
        answers[name] = result
    return answers


async def _undo(changes: Mapping[str, Change[A]], *, failed: str) -> list[str]:
    """Undo changes, and return what to report."""
    report = []
    for name, change in changes.items():
        if change.undo is None:
            report += [f"{name} keeps the change, which cannot be undone"] if name != failed else []
            continue
        try:
            await change.undo()
        except CronnxError as error:
            report.append(f"{name or 'it'} could not be restored: {error}")
        else:
            report += [f"{name} was restored"] if name else []
    return report


def _with_report(error: CronnxError, server: str, report: list[str]) -> CronnxError:
    message = f"{server}: {error}" if server else str(error)
    error.args = ("; ".join((message, *report)),)
    return error
