"""Programs as text or a file to take elsewhere: Python to read, JavaScript for pages, ONNX."""
