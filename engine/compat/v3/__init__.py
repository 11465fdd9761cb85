"""The V3 way to write a node: a schema of typed inputs and outputs, and class methods."""
