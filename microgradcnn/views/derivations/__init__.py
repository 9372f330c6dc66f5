"""The page of chain rule and the ledger, made from a graph."""
