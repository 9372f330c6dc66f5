"""Programs run by NumPy in blocks of rows, on threads, or by JAX."""
