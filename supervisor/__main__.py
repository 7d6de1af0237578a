"""``python -m waterspout.supervisor``: the same as the command ``waterspout``."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="waterspout")
