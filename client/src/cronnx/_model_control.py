"""What the client changes at a server."""

from __future__ import annotations

from collections.abc import Mapping

from cronnx._blocking import Blocking
from cronnx._promotion import Promotion


class ModelControl(Blocking):
    """Loads, unloads, promotes models and splits traffic between them, on every server of a client."""

    def load(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Load a model, or load it again, and wait until it is ready.

        The server must run with `--model-control-mode=explicit`. A large model may need a larger `timeout_s`; the
        server goes on loading when it has passed.

        Raises:
            InvalidInput: The server is not started for it.
            ModelNotFound: There is none of this name.
            ServerFault: The model cannot be loaded.
            CronnxError: There is no answer: the subclass says why.
        """
        self._run(self._client.load(model_name, timeout_s=timeout_s))

    def unload(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Have the server unload a model when its requests are done; the steps of an ensemble stay loaded.

        Raises:
            InvalidInput: The server is not started for it.
            CronnxError: There is no answer: the subclass says why.
        """
        self._run(self._client.unload(model_name, timeout_s=timeout_s))

    def promote(self, model_name: str, model_version: str, *, timeout_s: float | None = None) -> Promotion:
        """Let an ensemble answer by another version of its classifier, without a failed request.

        The version must be loaded. It is tried with zeros first; where it answers, the ensemble is loaded anew with
        the version in the steps that pin one: those whose `model_version` is not -1. That lasts until the server
        ends; what a start serves is in the ensemble's `config.pbtxt`.

        Args:
            model_name: An ensemble whose steps pin one version of one model.
            model_version: The version of that model.
            timeout_s: Seconds for each request that this takes.

        Raises:
            InvalidInput: The ensemble does not pin one version, or the server is not started for it.
            ModelNotFound: There is no such ensemble, or no such version of its classifier is loaded.
            NotReady: The version is still loading, or the ensemble is not ready with it.
            CronnxError: The version does not answer, or nobody does: the subclass says why.
        """
        return self._run(self._client.promote(model_name, model_version, timeout_s=timeout_s))

    def rollback(self, model_name: str, *, timeout_s: float | None = None) -> Promotion:
        """Undo an ensemble's last promotion, as `promote` would; once: what was before that is not remembered.

        The server remembers which version was live before, in the ensemble's `promoted_from`.

        Raises:
            InvalidInput: There was none.
            CronnxError: See `promote`.
        """
        return self._run(self._client.rollback(model_name, timeout_s=timeout_s))

    def split(
        self, model_name: str, weights: Mapping[str, float], *, timeout_s: float | None = None
    ) -> dict[str, float]:
        """Change how much of an ensemble's traffic goes to which arm, without a failed request.

        The router of the ensemble is loaded anew with the weights in its `arms`; the old one answers meanwhile. That
        lasts until the server ends; what a start serves is in the router's `config.pbtxt`. Users stay with their arm
        but for the few that a change must move.

        Args:
            model_name: An ensemble with a model of the backend `router`, or that model.
            weights: A weight an arm; an arm is `MODEL/VERSION`, or a version of the first arm's model. The first one
                answers where another fails. An arm that is not named gets nothing.
            timeout_s: Seconds for each request that this takes.

        Returns:
            The weights, by `MODEL/VERSION`.

        Raises:
            InvalidInput: An arm or a weight is none, there is no such router, or the server is not started for it.
            ModelNotFound: There is no such model.
            NotReady: An arm is not loaded, or the ensemble is not ready afterwards.
            CronnxError: There is no answer: the subclass says why.
        """
        return self._run(self._client.split(model_name, weights, timeout_s=timeout_s))
