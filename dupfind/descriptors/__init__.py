"""Turn pictures into descriptors: backbone, embedding."""
