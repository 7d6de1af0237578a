"""What flows, and where to: the pure vocabulary that everything else is written in."""
