"""What operators run: a server, its models, and the tools beside it."""
