"""A server under more load than it can take, and under load for a long time: `scripts/overload`, `scripts/soak`."""
