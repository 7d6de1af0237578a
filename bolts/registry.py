"""Short names of the ready-made bolts, and the entry-point group of everyone else's."""

#: Entry-point group in which other packages register bolt classes under a short name.
BOLT_GROUP = "waterspout.bolts"

#: Short name in a YAML -> class path.
BOLTS: dict[str, str] = {
    "CommitCsv": "waterspout.bolts.sinks.committed_files:CommitCsv",
    "CommitJsonl": "waterspout.bolts.sinks.committed_files:CommitJsonl",
    "CommitParquet": "waterspout.bolts.sinks.parquet_files:CommitParquet",
    "Count": "waterspout.bolts.count:Count",
    "Deduplicate": "waterspout.bolts.joins.deduplicate:Deduplicate",
    "Filter": "waterspout.bolts.functions:Filter",
    "FlatMap": "waterspout.bolts.functions:FlatMap",
    "IntervalJoin": "waterspout.bolts.joins.interval_join:IntervalJoin",
    "Log": "waterspout.bolts.log:Log",
    "LookupJoin": "waterspout.bolts.joins.lookup_join:LookupJoin",
    "Map": "waterspout.bolts.functions:Map",
    "PostgresTable": "waterspout.bolts.sinks.postgres_table:PostgresTable",
    "SqliteTable": "waterspout.bolts.sinks.sqlite_table:SqliteTable",
    "StateJoin": "waterspout.bolts.joins.stream_join:StateJoin",
    "StreamJoin": "waterspout.bolts.joins.stream_join:StreamJoin",
    "TopN": "waterspout.bolts.joins.top_n:TopN",
    "Window": "waterspout.bolts.windows.window:Window",
    "WindowJoin": "waterspout.bolts.joins.window_join:WindowJoin",
    "WriteCsv": "waterspout.bolts.writers:WriteCsv",
    "WriteJsonl": "waterspout.bolts.writers:WriteJsonl",
    "WriteLines": "waterspout.bolts.writers:WriteLines",
}
