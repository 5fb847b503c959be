"""The demo: `job.py` is the workflow, and the example to read; the rest brings the data and proves what came of it."""
