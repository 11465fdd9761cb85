"""Everything that is neither a node nor a web page."""
