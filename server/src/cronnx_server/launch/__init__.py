"""What stands between a container's arguments and its `tritonserver`."""
