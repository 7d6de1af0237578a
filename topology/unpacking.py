"""msgpack read with suspicion: whatever is wrong with the bytes comes out as a WireError."""

from __future__ import annotations

from typing import Any

from msgpack import unpackb
from msgpack.exceptions import StackError

from .errors import WireError
from .wire_limits import E_FRAME_DECODE, E_FRAME_DEPTH, E_FRAME_ENCODING, E_FRAME_TYPE


def unpack_body(body: bytes | memoryview, **strict: Any) -> Any:
    """Decode one msgpack value that fills ``body``; sequences become tuples.

    The lengths that it may announce are limited by the bytes that are there. ``strict``
    are further arguments of ``msgpack.unpackb``.

    Raises:
        WireError: with the code that says in which way it is not msgpack of ours.
    """
    try:
        return unpackb(
            body,
            **{"use_list": False, "strict_map_key": False, **strict},
            max_ext_len=0,
            ext_hook=_refuse_ext,
        )
    except (StackError, RecursionError):
        raise WireError(E_FRAME_DEPTH, "nested too deeply") from None
    except UnicodeDecodeError as error:
        raise WireError(E_FRAME_ENCODING, f"a str is not UTF-8: {error.reason}") from None
    except TypeError as error:
        raise WireError(E_FRAME_TYPE, str(error)) from None
    except ValueError as error:
        raise _value_error(error) from None


def _refuse_ext(code: int, data: bytes) -> Any:
    raise TypeError(f"ext type {code}")


def _value_error(error: ValueError) -> WireError:
    # msgpack has no exception of its own for these three.
    text = str(error)
    if "ext_len" in text or "timestamp" in text:
        return WireError(E_FRAME_TYPE, f"ext type: {text}")
    if "not allowed for map key" in text:
        return WireError(E_FRAME_TYPE, text)
    return WireError(E_FRAME_DECODE, text or f"not msgpack ({type(error).__name__})")
