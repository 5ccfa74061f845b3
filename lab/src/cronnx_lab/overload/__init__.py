"""A server that is offered more than it can do."""
