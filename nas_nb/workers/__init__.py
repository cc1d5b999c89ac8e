"""WHERE trials run: in the kernel's own thread, in processes, on a Dask cluster."""
