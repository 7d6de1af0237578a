"""Windows: rows gathered by time, by silence or by number, and what is made of them."""

from .output import Span
from .window import Window
from .window_bolt import WindowBolt

__all__ = ["Span", "Window", "WindowBolt"]
