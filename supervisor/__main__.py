"""``python -m waterspout.supervisor``: the same as the command ``waterspout``."""

from .entry import main

if __name__ == "__main__":
    main()
