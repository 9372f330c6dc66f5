"""What a formula is read with: the notations, the names and their spellings, vectors, and what surrounds a formula."""
