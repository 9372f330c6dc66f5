"""A formula as a tree, and every language it is written in."""
