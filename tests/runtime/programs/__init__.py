"""Programs that the tests run as `python -m tests.runtime.programs.<name> <scene> <arguments>`."""
