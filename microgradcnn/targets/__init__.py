"""Graphs for machines: a loss and its gradients as one straight-line program, read as source and run compiled."""
