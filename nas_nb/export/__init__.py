"""How a found model is taken home: source, raw input, file formats."""
