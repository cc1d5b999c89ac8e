"""The panel: configure, watch, inspect and steer, in the cell."""
