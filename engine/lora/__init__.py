"""LoRA-family files: reading, matching to a base, and the mathematics of applying them."""
