"""Measurements. Each module prints JSON; ratios and medians, never a pass or a fail."""
