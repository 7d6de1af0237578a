"""Keyed counts in PyFlink: a number's key is its remainder, a ValueState holds its count.

Runs in the Python that has ``apache-flink`` and knows nothing of Waterspout, so it imports nothing
of this package: ``python flink_count.py MODE --messages N --keys K``. Flink makes the numbers in
Java; parallelism 1, defaults for everything else. Two rows come out, so that there is no output to
pay for: the time when the virtual machine is warm, after a fifth of the messages, and that of the
last message. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

#: Part of the messages that warms everything up.
WARM = 0.2


def counter(messages: int, keys: int) -> Any:
    """Return the process function that counts each key."""
    from pyflink.common import Types  # type: ignore[import-not-found]
    from pyflink.datastream import KeyedProcessFunction  # type: ignore[import-not-found]
    from pyflink.datastream.state import ValueStateDescriptor  # type: ignore[import-not-found]

    warm, target = int(WARM * messages), messages // keys

    class Count(KeyedProcessFunction):  # type: ignore[misc]
        def open(self, context: Any) -> None:
            self.count = context.get_state(ValueStateDescriptor("count", Types.LONG()))
            self.seen = self.right = 0

        def process_element(self, value: int, context: Any) -> Any:
            count = (self.count.value() or 0) + 1
            self.count.update(count)
            self.seen += 1
            if count == target:
                self.right += 1
            if self.seen in (warm, messages):
                note = {"at_s": time.monotonic(), "seen": self.seen, "right": self.right}
                yield json.dumps(note)

    return Count()


def environment(mode: str, checkpoints: bool) -> Any:
    """Return a local environment; thread mode finds its Python and packages by what is set."""
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment

    binaries = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([binaries, os.environ.get("PATH", "")])
    config = Configuration()
    config.set_string("python.execution-mode", mode)
    config.set_string("python.executable", sys.executable)
    config.set_string("python.client.executable", sys.executable)
    config.set_string("python.pythonpath", sysconfig.get_paths()["purelib"])
    made = StreamExecutionEnvironment.get_execution_environment(config)
    made.set_parallelism(1)
    if checkpoints:
        made.enable_checkpointing(1000)
    return made


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Count; return when, and with how many right counts, it ended."""
    from pyflink.common import Types, WatermarkStrategy
    from pyflink.datastream.connectors.number_seq import NumberSequenceSource  # type: ignore[import-not-found]

    keys = given.keys
    numbers = environment(given.mode, given.checkpoints).from_source(
        NumberSequenceSource(0, given.messages - 1), WatermarkStrategy.no_watermarks(),
        "numbers", type_info=Types.LONG(),
    )  # fmt: skip
    keyed = numbers.key_by(lambda number: number % keys, key_type=Types.LONG())
    counted = keyed.process(counter(given.messages, keys), output_type=Types.STRING())
    with counted.execute_and_collect() as rows:
        warm, end = (json.loads(row) for row in rows)
    return {
        "first_s": warm["at_s"], "last_s": end["at_s"], "messages": end["seen"] - warm["seen"],
        "right": end["right"],
    }  # fmt: skip


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["process", "thread"])
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--keys", type=int, required=True)
    parser.add_argument("--checkpoints", action="store_true", help="one a second")
    print(json.dumps(run(parser.parse_args())))


if __name__ == "__main__":
    main()
