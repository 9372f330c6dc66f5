"""Steps of a derivation as documents: text, LaTeX, HTML."""
