"""The engine: whole epochs inside one compiled function, shared by the candidates of a topology."""
