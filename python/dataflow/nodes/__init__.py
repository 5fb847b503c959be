"""What workflows are made of: nodes of one's own, those of every model, and those that choose a way."""
