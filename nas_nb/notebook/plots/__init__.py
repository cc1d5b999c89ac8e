"""The pictures of a search, each a pair: what will be drawn, and its drawing."""
