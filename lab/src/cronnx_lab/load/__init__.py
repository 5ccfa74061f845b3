"""Load generators: the project's own closed and open loops for any HTTP server."""
