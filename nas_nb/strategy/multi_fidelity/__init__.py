"""Strategies that train many a little and few in full."""
