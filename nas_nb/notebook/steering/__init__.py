"""The parts of the panel that steer a search while it runs."""
