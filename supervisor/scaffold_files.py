"""The files of a project made by ``waterspout new``: a topology that counts words.

``$name`` stands for the name of the project. What is written here is the first thing a new
user reads, so it shows the plain way: a source with positions, a step, a step with state.
"""

TOPOLOGY = """\
# Counts the words of a few sentences. Run it with:  waterspout run $name.yaml
name: "$name"
guarantee: at-least-once        # every message gets through, after a failure maybe twice
workers: 1                      # processes

spouts:                         # where messages come from
  sentences:
    class: sentences:Sentences  # module:Class, found in this folder
    args: {repeat: 100}         # keywords of the constructor

bolts:                          # what happens to them
  split:
    class: words:Split
    inputs: [sentences]
  count:
    class: words:Count
    inputs:
      - {from: split, grouping: fields, fields: [word]}  # the same word: the same task
    parallelism: 2

settings:
  message_timeout: 30s
"""

SENTENCES = '''\
"""Where messages come from: a source that can be read again from any position."""

from waterspout.spouts import Reader, Source

SENTENCES = [
    "the wind lifts the water",
    "the water falls as rain",
    "rain fills the sea again",
]


class Sentences(Source):
    """Gives each sentence ``repeat`` times."""

    outputs = ["sentence"]

    def __init__(self, repeat: int = 1) -> None:
        self.sentences = SENTENCES * repeat

    def partitions(self) -> list[str]:
        return ["sentences"]

    def reader(self, partition: str, position: int | None) -> Reader:
        return SentenceReader(self.sentences, position or 0)


class SentenceReader(Reader):
    """Reads on from a position; after a failure Waterspout makes a new one further back."""

    def __init__(self, sentences: list[str], position: int) -> None:
        self.sentences = sentences
        self.position = position

    def read(self, limit: int) -> tuple[list[list[str]], int] | None:
        if self.position >= len(self.sentences):
            return None  # the input has ended
        found = self.sentences[self.position : self.position + limit]
        self.position += len(found)
        return [[sentence] for sentence in found], self.position
'''

WORDS = '''\
"""What happens to the messages: sentences are split, words are counted."""

from waterspout.bolts import Bolt


class Split(Bolt):
    """Emits each word of a sentence."""

    outputs = ["word"]

    def process(self, tup):
        for word in tup["sentence"].split():
            self.emit([word])


class Count(Bolt):
    """Counts words. What is kept in ``context.state`` survives the loss of a worker."""

    stateful = True

    def prepare(self, context):
        self.counts = context.state.keyed("counts")

    def process(self, tup):
        word = tup["word"]
        self.counts[word] = self.counts.get(word, 0) + 1

    def summary(self):
        """Show the commonest words at the end of a run."""
        commonest = sorted(self.counts.items(), key=lambda item: -item[1])
        return {"top": [list(item) for item in commonest[:10]]}
'''

TEST = '''\
"""One bolt on its own, then the whole topology in one process. Run with:  pytest"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from sentences import SENTENCES
from words import Split

TOPOLOGY = Path(__file__).parent / "$name.yaml"


def test_split_emits_every_word():
    words = []
    split = Split()
    split.emit = words.append
    split.process({"sentence": "to be or not"})
    assert words == [["to"], ["be"], ["or"], ["not"]]


def test_the_topology_counts_every_word(tmp_path):
    command = [sys.executable, "-m", "waterspout.supervisor", "run", str(TOPOLOGY)]
    command += ["--in-process", "--json", "--state-dir", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr

    summary = json.loads(run.stdout)
    words = Counter(word for sentence in SENTENCES * 100 for word in sentence.split())
    top = dict(summary["top"]["count"])
    assert top["the"] == words["the"]
    assert all(words[word] == count for word, count in top.items())
    assert summary["dead_letters"] == 0
'''

PYTEST_INI = """\
[pytest]
pythonpath = .
"""

#: File name -> content.
FILES: dict[str, str] = {
    "$name.yaml": TOPOLOGY,
    "sentences.py": SENTENCES,
    "words.py": WORDS,
    "test_topology.py": TEST,
    "pytest.ini": PYTEST_INI,
}
