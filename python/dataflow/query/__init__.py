"""Operations on the rows of a model, without a workflow."""
