"""Load on a server that runs, by Locust, and the thresholds it has to hold."""
