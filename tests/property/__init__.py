"""Properties of the slice, searched by hypothesis on real databases."""
