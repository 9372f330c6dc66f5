"""Where boxes and edges stand, and their pictures: SVG and DOT."""

from microgradcnn.views.drawing.scene import Drawing, Edge

__all__ = ["Drawing", "Edge"]
