"""What in `docs/` is made of the source: the API's description and the reference of settings."""
