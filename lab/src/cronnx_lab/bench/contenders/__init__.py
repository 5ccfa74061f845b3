"""What is measured: the limit of this machine without a server, the served ensemble, and a rival server."""
