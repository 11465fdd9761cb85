"""The one kind of error this room raises for a file that cannot be used."""


class WeightsError(ValueError):
    """A file of weights cannot be used. The text is a sentence for the person at the canvas."""
