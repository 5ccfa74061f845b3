# syntax=docker/dockerfile:1

# docker build .                                 for a CPU: tritonserver from its wheel, 0.6 GB
# docker build --build-arg RUNTIME=nvidia .      for GPUs: NVIDIA's image plus the models and backends
# docker build --target tools .                  tools that run beside a server: exporter, loadtest
#
# TRITON_DIGEST and PYTHON_DIGEST (sha256:…) pin the base images: docs/containers.md.
ARG RUNTIME=cpu
ARG TRITON_VERSION=26.07
ARG TRITON_DIGEST=
ARG PYTHON_VERSION=3.12
ARG PYTHON_DIGEST=

FROM python:${PYTHON_VERSION}-slim-bookworm${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS python
# An image's packages are compiled when they are installed: its user may not write beside them.
ENV PYTHONUNBUFFERED=1 PIP_ROOT_USER_ACTION=ignore UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy


FROM python AS project
WORKDIR /project
COPY requirements requirements
COPY client client
COPY server server
COPY onnxruntime_backend onnxruntime_backend
COPY preprocess_backend preprocess_backend
COPY router_backend router_backend
COPY scripts scripts
RUN --mount=type=cache,target=/root/.cache scripts/set_up


# Builds the models from their published weights. Each must recognise a cat, or the build fails.
FROM project AS models
ARG MODELS="efficientnet_lite0 efficientnet_lite1 efficientnet_lite2"
# The address of a folder of weights, for builds without web access: docs/build_models.md.
ARG CRONNX_MODEL_MIRROR=
COPY model_repository model_repository
COPY ensembles ensembles
# An image for GPUs also has the files that the profiles serve: docs/profiles.md.
ARG RUNTIME
# hadolint ignore=SC2046,SC2086 # names are separated by spaces
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=cache,target=/project/.triton/weights \
    scripts/build_models ${MODELS} $([ "${RUNTIME}" != nvidia ] || echo --gpu)


FROM project AS tools
COPY lab lab
RUN --mount=type=cache,target=/root/.cache scripts/set_up lab \
    && install -d -o 1000 -g 1000 reports
USER 1000:1000


# Puts the wheel's server where NVIDIA's image has its own, so the same command line works for both.
FROM python AS runtime-cpu
ARG PYTHON_VERSION
RUN --mount=type=bind,source=requirements,target=/requirements \
    --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip install --require-hashes \
        -r /requirements/backends.txt -r /requirements/onnxruntime_backend.txt \
    && python3 -m pip install --no-compile --require-hashes --no-deps --target /wheel -r /requirements/tritonserver.txt \
    && mv /wheel/pytriton/tritonserver /opt/tritonserver \
    && mv /wheel/nvidia_pytriton.libs /opt/tritonserver/lib \
    && mv "/opt/tritonserver/python_backend_stubs/${PYTHON_VERSION}/triton_python_backend_stub" \
        /opt/tritonserver/backends/python/ \
    && chmod +x /opt/tritonserver/bin/tritonserver /opt/tritonserver/backends/python/triton_python_backend_stub \
    && rm -r /opt/tritonserver/python_backend_stubs /wheel
ENV PATH=/opt/tritonserver/bin:${PATH} LD_LIBRARY_PATH=/opt/tritonserver/lib
COPY onnxruntime_backend /opt/tritonserver/backends/onnxruntime


# NVIDIA's image has its own onnxruntime backend, so the stand-in is left out. Packages go into the image's Python,
# because Triton's stubs may ignore PYTHONPATH: docs/triton.md.
FROM nvcr.io/nvidia/tritonserver:${TRITON_VERSION}-py3${TRITON_DIGEST:+@${TRITON_DIGEST}} AS runtime-nvidia
RUN --mount=type=bind,source=requirements,target=/requirements \
    --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip install --break-system-packages --require-hashes -r /requirements/backends.txt


# hadolint ignore=DL3006 # a stage of this file
FROM runtime-${RUNTIME} AS server
ARG REVISION=
LABEL org.opencontainers.image.title="ONNX image models on NVIDIA Triton" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=models /project/model_repository /models/model_repository
COPY --from=models /project/ensembles /models/ensembles
COPY preprocess_backend /opt/tritonserver/backends/preprocess
COPY router_backend /opt/tritonserver/backends/router
COPY deploy/image /opt/cronnx
COPY server/src/cronnx_server /opt/cronnx/cronnx_server

# NVIDIA's image calls this user triton-server. It may write only TensorRT's engines (a volume) and /tmp.
RUN install -d -o 1000 -g 1000 /var/lib/triton /var/lib/triton/.triton /var/lib/triton/.triton/tensorrt
USER 1000:1000
WORKDIR /var/lib/triton
EXPOSE 8000 8001 8002
# Requests in flight are answered first, for up to --exit-timeout-secs.
STOPSIGNAL SIGTERM
# It names no models, because CMD chooses them.
HEALTHCHECK --interval=30s --timeout=10s --start-period=5m --start-interval=2s --retries=3 \
    CMD ["/opt/cronnx/healthcheck", "--timeout-s=8"]
ENTRYPOINT ["/opt/cronnx/launch", "tritonserver", \
    "--model-repository=/models/model_repository", \
    "--model-repository=/models/ensembles", \
    "--model-control-mode=explicit", \
    "--strict-readiness=false", \
    "--exit-timeout-secs=30", \
    "--metrics-config=summary_latencies=true", \
    "--metrics-config=summary_quantiles=0.5:0.01,0.95:0.005,0.99:0.001"]
CMD ["--load-model=efficientnet_lite0"]
