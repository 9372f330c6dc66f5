"""Wrong gradients: edits of the sum over paths of products of local derivatives, and how each of them is told."""
