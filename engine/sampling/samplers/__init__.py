"""Samplers, one small function each over `denoise(x, sigma)`. `registry.py` lists them.

The mathematics only: no guidance, no networks, no progress bars. `tools.py` has what they share.
"""
