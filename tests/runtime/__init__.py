"""The process around DataFlow: fork, exit, signals, event loops.

What may crash or hang runs in a program of its own.
"""
