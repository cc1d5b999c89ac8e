"""How a candidate is measured: trained, faithfully and under control."""
