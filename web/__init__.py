"""What people reach through a browser: the server and the canvas it serves."""
