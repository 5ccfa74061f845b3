"""What the asynchronous client changes at a server."""

from __future__ import annotations

from collections.abc import Mapping

from cronnx._models import checked_version
from cronnx._promotion import Promotion, promote, rollback
from cronnx._session import Session
from cronnx._traffic_split import split


class AsyncModelControl:
    """Loads, unloads, promotes models and splits traffic between them, on every server of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def load(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Load a model, or load it again; see `Client.load`.

        Raises:
            InvalidInput: The server is not started for it.
            ModelNotFound: There is none of this name.
            ServerFault: The model cannot be loaded.
            CronnxError: There is no answer: the subclass says why.
        """
        await self._session.ask("load_model", {"model_name": model_name}, timeout_s=timeout_s)

    async def unload(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Unload a model; see `Client.unload`.

        Raises:
            InvalidInput: The server is not started for it.
            CronnxError: There is no answer: the subclass says why.
        """
        await self._session.ask("unload_model", {"model_name": model_name}, timeout_s=timeout_s)

    async def promote(self, model_name: str, model_version: str, *, timeout_s: float | None = None) -> Promotion:
        """Let an ensemble answer by another version of its classifier; see `Client.promote`.

        Raises:
            InvalidInput: The ensemble does not pin one version, or the server is not started for it.
            ModelNotFound: There is no such ensemble, or no such version of its classifier is loaded.
            NotReady: The version is still loading, or the ensemble is not ready with it.
            CronnxError: The version does not answer, or nobody does: the subclass says why.
        """
        return await promote(self._session, model_name, checked_version(model_version), timeout_s=timeout_s)

    async def rollback(self, model_name: str, *, timeout_s: float | None = None) -> Promotion:
        """Undo an ensemble's last promotion; see `Client.rollback`.

        Raises:
            InvalidInput: There was none.
            CronnxError: See `promote`.
        """
        return await rollback(self._session, model_name, timeout_s=timeout_s)

    async def split(
        self, model_name: str, weights: Mapping[str, float], *, timeout_s: float | None = None
    ) -> dict[str, float]:
        """Change how much of an ensemble's traffic goes to which arm; see `Client.split`.

        Raises:
            InvalidInput: An arm or a weight is none, there is no such router, or the server is not started for it.
            ModelNotFound: There is no such model.
            NotReady: An arm is not loaded, or the ensemble is not ready afterwards.
            CronnxError: There is no answer: the subclass says why.
        """
        return await split(self._session, model_name, weights, timeout_s=timeout_s)
