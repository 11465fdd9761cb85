"""The built-in nodes, one file a shelf: definitions and glue; the mathematics is in ``engine``."""
