"""The tabs of the panel: what each shows, and the inputs that belong to it."""
