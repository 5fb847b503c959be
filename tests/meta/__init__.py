"""Guards over the repository itself: its test servers, its test policy, its imports."""
