"""A number that remembers how it was computed, the table of primitives, and the chain rule run over both."""
