"""Nodes put together: built, checked, run, watched."""
