"""Kinds of nodes: what they take, what they give, how they are found."""
