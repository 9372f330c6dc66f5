"""What training is made of: batches, steps of descent, checkpoints, and what a person sees meanwhile."""
