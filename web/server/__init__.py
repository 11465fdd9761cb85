"""The aiohttp application: routes, websocket hub, security. No torch, no nodes."""
