"""Prompts to conditioning: the CLIP tokenizer, weights in brackets, chunks of 77, encoding.

Which network encodes is not this package's business: it gets one that satisfies
`encode.TextNetwork`.
"""
