"""Pure data: types, node specs, the registry, graphs, validation and keys. No torch, no aiohttp."""
