"""`scripts/loadtest`: does a running server meet its thresholds under a shape of load? Locust provides the users."""
