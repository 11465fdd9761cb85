"""Makes, trains and measures the small models shipped under models/. Nothing here is imported by
Patchbay.
"""
