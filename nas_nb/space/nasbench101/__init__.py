"""NAS-Bench-101's cells: any graph of a few vertices and edges, an operation on each vertex."""
