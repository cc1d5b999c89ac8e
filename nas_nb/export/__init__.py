"""HOW a found model is taken home: source, raw input, (later) file formats."""
