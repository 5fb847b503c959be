"""`dataflow generate stubs`: types by which any checker knows a model's fields in filters and updates.

A field's own type decides what its filter may say, as `rust/core/src/filter/parse/operator.rs` does when it runs.
"""
