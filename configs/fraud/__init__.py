"""Card fraud by rules and timers, with planted answers."""
