"""Files that grow, are rotated and are truncated while they are read."""

import os

import pytest
from waterspout.spouts import follow
from waterspout.spouts.files import Files
from waterspout.spouts.follow import FINGERPRINT_BYTES, GENERATION, LOOK_INTERVAL_S, ROTATE_WAIT_S
from waterspout.spouts.line_reader import ERROR_PREFIX, UnreadableFile


@pytest.fixture
def log(tmp_path):
    return tmp_path / "app.log"


@pytest.fixture
def make(tmp_path, context):
    """Return a function that makes a source as a fresh worker would."""

    def make(pattern="app.log", **args):
        source = Files(paths=str(tmp_path / pattern), follow=True, **args)
        source.open(context)
        return source

    return make


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def read(reader):
    """Return all lines there are now, and the position; ``"end"`` when it ended."""
    rows, position = [], None
    for _ in range(1000):
        got = reader.read(2)
        if got is None:
            return rows, "end"
        if not got[0] and position == got[1]:
            return rows, position
        rows += [row[0] for row in got[0]]
        position = got[1]
    raise AssertionError("the reader does not come to rest")


def pass_time(clock, reader, seconds):
    """Let time pass with a look every half second; return what came."""
    rows = []
    for _ in range(int(seconds * 2)):
        clock.now += 0.5
        more, state = read(reader)
        rows += more
        if state == "end":
            return rows, state
    return rows, state


def test_what_is_appended_comes_when_its_line_is_complete(log, make):
    append(log, "one\ntwo")
    source = make()
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    assert read(reader) == (["one"], 4)
    append(log, "!\nthree\n")
    assert read(reader) == (["two!", "three"], 15)
    assert read(reader) == ([], 15)
    assert source.end_position(partition) == 15
    assert not source.bounded()


def test_a_file_has_no_partition_before_its_first_line_is_complete(log, make):
    source = make()
    assert source.partitions() == []
    append(log, "on")
    assert source.partitions() == []
    append(log, "e\n")
    assert len(source.partitions()) == 1


def test_the_name_stays_while_the_file_grows_and_is_the_same_for_every_task(log, make):
    append(log, "one\n")
    source = make()
    names = source.partitions()
    append(log, "x" * 1000 + "\n")
    assert source.partitions() == names == make().partitions()
    assert names[0].startswith(f"{log.parent}#{log.stat().st_ino}-")


def test_new_files_are_found(log, make):
    append(log, "one\n")
    source = make("*.log")
    assert len(source.partitions()) == 1
    append(log.parent / "new.log", "new\n")
    names = source.partitions()
    assert len(names) == 2 and names == sorted(names)


def test_links_to_one_file_are_one_partition(log, make):
    append(log, "one\n")
    os.link(log, log.parent / "hard.log")
    (log.parent / "soft.log").symlink_to(log)
    assert len(make("*.log").partitions()) == 1


def test_a_rotated_file_is_read_to_its_end_and_its_successor_from_the_start(
    log, make, clock, context
):
    # app.log    one            | three
    # app.log.1       two late  |
    append(log, "one\n")
    source = make()
    (old,) = source.partitions()
    reader = source.reader(old, None)
    assert read(reader) == (["one"], 4)
    append(log, "two\n")
    log.rename(log.parent / "app.log.1")
    append(log, "three\n")
    assert read(reader) == (["two"], 8)
    clock.now += LOOK_INTERVAL_S
    assert read(reader) == ([], 8)
    append(log.parent / "app.log.1", "late\nno end")
    assert read(reader) == (["late"], 13)
    (new,) = source.partitions()
    assert new != old
    assert read(source.reader(new, None)) == (["three"], 6)
    assert pass_time(clock, reader, ROTATE_WAIT_S + 1) == (["no end"], "end")
    assert context.metrics.values == {"files_rotated": 1}


def test_a_rotated_file_that_the_glob_matches_keeps_its_partition(log, make):
    append(log, "one\n")
    (old,) = make("app.log*").partitions()
    log.rename(log.parent / "app.log.1")
    append(log, "two\n")
    source = make("app.log*")
    assert old in source.partitions() and len(source.partitions()) == 2
    append(log.parent / "app.log.1", "late\n")
    assert read(source.reader(old, 4)) == (["late"], 9)


def test_messages_of_a_rotated_file_can_be_read_again(log, make):
    append(log, "one\ntwo\n")
    source = make()
    (old,) = source.partitions()
    log.rename(log.parent / "elsewhere")
    append(log, "three\n")
    assert read(source.reader(old, 4)) == (["two"], 8)
    assert read(make().reader(old, 4)) == (["two"], 8)


def test_a_file_is_found_under_the_name_it_has_when_it_is_opened(log, make):
    append(log, "one\ntwo\n")
    source = make()
    (partition,) = source.partitions()
    reader = source.reader(partition, 4)
    log.rename(log.parent / "app.log.1")
    assert read(reader) == (["two"], 8)
    log.touch()  # an empty file under the old name is not the one
    assert read(source.reader(partition, 4)) == (["two"], 8)


def test_a_first_line_is_told_by_its_first_bytes(log, make):
    append(log, "x" * (FINGERPRINT_BYTES - 1))
    source = make()
    assert source.partitions() == []
    append(log, "x")
    (partition,) = source.partitions()
    append(log, "and more\n")
    assert source.partitions() == [partition]


def test_an_inode_that_is_given_out_again_is_another_partition(log, make):
    append(log, "one\n")
    source = make()
    (old,) = source.partitions()
    log.write_text("other\n")  # the same inode with another first line
    (new,) = source.partitions()
    assert new != old
    assert new.partition("-")[0] == old.partition("-")[0]


def test_a_removed_file_ends_after_the_wait(log, make, clock, context):
    append(log, "one\n")
    source = make()
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    read(reader)
    log.unlink()
    assert pass_time(clock, reader, LOOK_INTERVAL_S + ROTATE_WAIT_S - 1) == ([], 4)
    assert pass_time(clock, reader, 2) == ([], "end")
    assert source.partitions() == []
    assert context.metrics.values == {"files_rotated": 1}


def test_a_file_that_is_gone_before_it_is_opened_ends_with_a_word(log, make, context):
    append(log, "one\n")
    source = make()
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    log.unlink()
    assert read(reader) == ([], "end")
    assert read(source.reader(partition, 4)) == ([], "end")
    assert read(make().reader(partition, 4)) == ([], "end")
    assert context.metrics.values == {"files_vanished": 3}
    assert source.end_position(partition) is None


def test_a_truncated_file_that_begins_anew_is_a_new_partition(log, make, context):
    append(log, "one\ntwo\n")
    source = make()
    (old,) = source.partitions()
    reader = source.reader(old, None)
    read(reader)
    os.truncate(log, 0)
    assert read(reader) == ([], 8)  # it cannot tell yet what comes
    append(log, "three\n")
    assert read(reader) == ([], "end")
    (new,) = source.partitions()
    assert read(source.reader(new, None)) == (["three"], 6)
    assert context.metrics.values == {"files_truncated": 1}


def test_a_truncated_file_that_begins_as_before_goes_on_at_higher_positions(log, make):
    # generation 0          generation 1
    # 0      7     11       G      G+7   G+9
    # header one   |        header 2     |
    append(log, "header\none\n")
    source = make()
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    assert read(reader) == (["header", "one"], 11)
    log.write_text("header\n2\n")
    assert read(reader) == (["header", "2"], GENERATION + 9)
    assert source.partitions() == [partition]
    assert source.end_position(partition) == GENERATION + 9
    # Read again from any position that was returned: also from before the jump.
    assert read(source.reader(partition, GENERATION + 7)) == (["2"], GENERATION + 9)
    assert read(source.reader(partition, 11)) == (["header", "2"], GENERATION + 9)
    # A restarted worker knows the generation from the position.
    assert read(make().reader(partition, GENERATION + 7)) == (["2"], GENERATION + 9)
    assert read(make().reader(partition, 11)) == (["header", "2"], GENERATION + 9)


def test_a_message_whose_bytes_are_gone_is_not_confused_with_what_stands_there_now(log, make):
    append(log, "header\none\ntwo\n")
    source = make()
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    replay = source.reader(partition, 7)
    assert replay.read(1) == ([["one"]], 11)
    read(reader)
    log.write_text("header\n2\n3\n")
    assert read(reader) == (["header", "2", "3"], GENERATION + 11)
    append(log, "long enough to be beyond the old end\n")
    # Each goes beyond the message's end, which tells the ledger that it cannot be had again.
    assert source.reader(partition, 7).read(1)[1] > GENERATION
    replay.read(1)
    assert replay.read(1)[1] > GENERATION


def test_two_readers_that_see_one_truncation_raise_the_generation_once(log, make):
    append(log, "header\none\n")
    source = make()
    (partition,) = source.partitions()
    first, second = source.reader(partition, None), source.reader(partition, None)
    read(first), read(second)
    log.write_text("header\n")
    assert read(first) == read(second) == (["header"], GENERATION + 7)
    log.write_text("header\n1\n")
    assert read(first) == read(second) == (["1"], GENERATION + 9)


def test_a_file_that_was_emptied_before_it_is_opened_waits_for_its_first_line(log, make):
    append(log, "header\none\n")
    source = make()
    (partition,) = source.partitions()
    os.truncate(log, 0)
    reader = source.reader(partition, 11)
    assert read(reader) == ([], 11)
    append(log, "header\n")
    assert read(reader) == (["header"], GENERATION + 7)


def test_a_line_that_is_too_long_waits_for_its_end(log, make, context):
    append(log, "one\n" + "x" * 100)
    source = make(line_bytes_max=10)
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    assert read(reader) == (["one"], 4)
    append(log, "y" * 100)
    assert read(reader) == ([], 4)
    append(log, "\ntwo\n")
    rows, position = read(reader)
    assert rows[0].startswith(f"{ERROR_PREFIX}200 bytes at byte 4 of {log}")
    assert (rows[1:], position) == (["two"], 209)
    assert context.metrics.values == {"lines_too_long": 1}


def test_a_line_that_is_too_long_and_truncated_away_is_forgotten(log, make):
    append(log, "one\n" + "x" * 100)
    source = make(line_bytes_max=10)
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    assert read(reader) == (["one"], 4)
    log.write_text("one\ntwo\n")
    assert read(reader) == (["one", "two"], GENERATION + 8)


def test_a_file_that_may_not_be_read_is_an_error_that_names_it(log, make, monkeypatch):
    append(log, "one\n")
    source = make()

    def refuse(path, flags):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(follow.os, "open", refuse)
    with pytest.raises(UnreadableFile, match=rf"cannot read {log}: Permission denied"):
        source.partitions()


def test_files_that_did_not_change_are_not_opened_to_find_their_names(log, make, monkeypatch):
    append(log, "one\n")
    source = make()
    names = source.partitions()

    def refuse(path, flags):
        raise AssertionError(f"opened {path}")

    monkeypatch.setattr(follow.os, "open", refuse)
    assert source.partitions() == names
