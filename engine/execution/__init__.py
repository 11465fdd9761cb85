"""Evaluating a graph: pulling from the outputs, lanes, cache, events."""
