"""The compiled epoch: a whole one in one function, shared by the candidates of a topology."""
