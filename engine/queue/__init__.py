"""What is waiting, running and done: the durable store, the dispatcher, workers. No torch."""
