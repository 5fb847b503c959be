"""Workflows without a database."""
