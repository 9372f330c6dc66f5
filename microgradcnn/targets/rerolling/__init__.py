"""From scalars to arrays: lines that do the same to different scalars become one line over an array of them."""
