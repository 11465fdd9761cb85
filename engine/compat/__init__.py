"""What third-party packs import and what their classes mean, as thin adapters of the engine."""
