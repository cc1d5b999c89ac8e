"""RUNNING it: the tuner, and the search with its thread, budget and stop."""
