"""Reading and writing workflows. Everything else in the engine knows only ``Graph``. No torch."""
