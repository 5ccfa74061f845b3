"""Triton's API through tritonclient, whose gRPC and HTTP clients have the same methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cronnx._transports.base import Json


class TritonApi:
    """Implements `ServerApi` with an asynchronous client of tritonclient."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - tritonclient is untyped
        options: Mapping[str, Any],
        json_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Make one.

        Args:
            client: The `InferenceServerClient` of `tritonclient.grpc.aio` or `tritonclient.http.aio`.
            options: Arguments for every method.
            json_options: Further arguments for the methods that answer with JSON.
        """
        self._client = client
        self._options = options
        self._json_options = {**options, **(json_options or {})}

    async def is_server_live(self) -> bool:
        """See `ServerApi`."""
        return bool(await self._client.is_server_live(**self._options))

    async def is_server_ready(self) -> bool:
        """See `ServerApi`."""
        return bool(await self._client.is_server_ready(**self._options))

    async def is_model_ready(self, model_name: str, model_version: str = "") -> bool:
        """See `ServerApi`."""
        return bool(await self._client.is_model_ready(model_name, model_version, **self._options))

    async def model_metadata(self, model_name: str, model_version: str = "") -> Json:
        """See `ServerApi`."""
        metadata: Json = await self._client.get_model_metadata(model_name, model_version, **self._json_options)
        return metadata

    async def model_config(self, model_name: str, model_version: str = "") -> Json:
        """See `ServerApi`."""
        answer = await self._client.get_model_config(model_name, model_version, **self._json_options)
        config: Json = answer.get("config", answer)  # gRPC wraps it
        return config

    async def model_statistics(self, model_name: str = "") -> Json:
        """See `ServerApi`."""
        statistics: Json = await self._client.get_inference_statistics(model_name, **self._json_options)
        return statistics

    async def repository_index(self) -> list[Json]:
        """See `ServerApi`."""
        answer = await self._client.get_model_repository_index(**self._json_options)
        index: list[Json] = answer if isinstance(answer, list) else answer.get("models", [])  # gRPC wraps it
        return index

    async def load_model(self, model_name: str, config: str | None = None) -> None:
        """See `ServerApi`."""
        await self._client.load_model(model_name, config=config, **self._options)

    async def unload_model(self, model_name: str) -> None:
        """See `ServerApi`."""
        await self._client.unload_model(model_name, **self._options)

    async def system_shared_memory_regions(self) -> list[str]:
        """See `ServerApi`."""
        answer = await self._client.get_system_shared_memory_status(**self._json_options)
        if isinstance(answer, list):
            return [region["name"] for region in answer]
        return list(answer.get("regions", {}))  # gRPC wraps it

    async def register_system_shared_memory(self, region: str, byte_size: int) -> None:
        """See `ServerApi`."""
        await self._client.register_system_shared_memory(region, f"/{region}", byte_size, **self._options)

    async def unregister_system_shared_memory(self, region: str) -> None:
        """See `ServerApi`."""
        await self._client.unregister_system_shared_memory(region, **self._options)
