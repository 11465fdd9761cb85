"""The prompt language of AUTOMATIC1111's webui, version 1.10: another grammar, other mathematics.

The order of reading: `styles`, `comments`, `tags`, `together` (AND), `editing` and `timeline`
(prompt editing), `attention` (brackets and BREAK), `chunks`. `plan` does all of it, `encode` gives
what the plan says to the text networks.
"""
