"""The threads that a run of a workflow may begin, and that must be gone when it is over."""

import threading

# Not `dataflow-events`: that one lives as long as its `DataFlow`.
OF_RUNS = ("dataflow-loop", "dataflow-node", "dataflow-progress", "dataflow-run")


def threads_of_runs() -> list[str]:
    """The names of those that are alive."""
    return [thread.name for thread in threading.enumerate() if thread.name in OF_RUNS]
