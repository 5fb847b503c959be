"""Models: annotated classes and what they say to the core."""
