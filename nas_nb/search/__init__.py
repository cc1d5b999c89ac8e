"""Running it: the search with its thread, budget and folder, and its tuner."""
