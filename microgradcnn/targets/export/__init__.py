"""Programs taken elsewhere: JavaScript for pages, ONNX."""
