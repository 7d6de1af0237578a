"""The user code of wordcount.yaml: what a bolt looks like."""

import re

from waterspout.bolts import Bolt

#: A word: a letter, then letters, digits and underscores, in any script.
WORD = re.compile(r"[^\W\d_]\w*")


class Split(Bolt):
    """Emits each word of a line.

    ``self.emit`` anchors every word to the line it came from: the line is acked when all of its
    words were counted, and is read again when one of them was not.
    """

    outputs = ["word"]

    def process(self, tup):
        emit = self.emit
        for word in WORD.findall(tup["line"]):
            emit([word])
