"""What a running server knows of its models beyond its metrics, for Prometheus: docs/exporter.md."""
