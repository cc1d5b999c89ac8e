"""WHERE trials run: in the kernel's own thread; (later) processes and Dask."""
