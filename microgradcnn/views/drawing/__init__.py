"""Where boxes and edges stand, and their pictures: SVG and DOT."""
