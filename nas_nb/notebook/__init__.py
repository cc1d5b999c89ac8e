"""Where a search is seen: magics, panel, plots, and the record that is kept."""
