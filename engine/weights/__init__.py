"""Files of weights, the networks in them, and what of them is in memory. No LoRA mathematics."""
