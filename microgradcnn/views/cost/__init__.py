"""Exact numbers of operations, as polynomials in the sizes."""
