"""HOW one is measured: training a candidate, faithfully and under control."""
