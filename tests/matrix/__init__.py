"""Every operation against every concern on every database; `MATRIX.md` is what came of it."""
