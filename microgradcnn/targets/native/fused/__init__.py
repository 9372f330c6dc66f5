"""Fused passes: which lines go together, where their numbers lie, and the loops that compute them."""
