"""Tests of DataFlow; run them with `make test`, which brings its own servers."""
