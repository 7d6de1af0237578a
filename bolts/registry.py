"""Short names of the ready-made bolts, and the entry-point group of everyone else's."""

#: Entry-point group in which other packages register bolt classes under a short name.
BOLT_GROUP = "waterspout.bolts"

#: Short name in a YAML -> class path.
BOLTS: dict[str, str] = {
    "CommitCsv": "waterspout.bolts.sinks.committed_files:CommitCsv",
    "CommitJsonl": "waterspout.bolts.sinks.committed_files:CommitJsonl",
    "CommitParquet": "waterspout.bolts.sinks.parquet_files:CommitParquet",
    "Count": "waterspout.bolts.count:Count",
    "Filter": "waterspout.bolts.functions:Filter",
    "FlatMap": "waterspout.bolts.functions:FlatMap",
    "Log": "waterspout.bolts.log:Log",
    "Map": "waterspout.bolts.functions:Map",
    "PostgresTable": "waterspout.bolts.sinks.postgres_table:PostgresTable",
    "SqliteTable": "waterspout.bolts.sinks.sqlite_table:SqliteTable",
    "Window": "waterspout.bolts.windows.window:Window",
    "WriteCsv": "waterspout.bolts.writers:WriteCsv",
    "WriteJsonl": "waterspout.bolts.writers:WriteJsonl",
    "WriteLines": "waterspout.bolts.writers:WriteLines",
}
