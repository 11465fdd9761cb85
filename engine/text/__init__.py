"""Prompts to conditioning: tokenizers, weights in brackets, chunks, learned vectors, encoding.

The engine dialect is here, webui's in `webui`. Grammars, templates and analysis know no torch.

Which network encodes is not this package's business: it gets one that satisfies
`encode.TextNetwork`.
"""
