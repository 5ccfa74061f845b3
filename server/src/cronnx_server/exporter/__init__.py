"""A Prometheus exporter of what Triton's own metrics lack: batch sizes, the readiness of models, ensemble steps."""
