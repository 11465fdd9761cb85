"""Where files are and how they are named, confined and written. No torch, no aiohttp."""
