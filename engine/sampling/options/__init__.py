"""Choices of how a model is sampled, one file for each family of them: frozen values that nodes put
on a MODEL link (`ModelOption` of `model.py`).
"""
