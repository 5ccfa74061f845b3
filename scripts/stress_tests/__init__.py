"""A server under more than it can take, and under load for a long time: `scripts/overload` and `scripts/soak`."""
