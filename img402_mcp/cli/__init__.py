"""The commands, one room each: SUMMARY, `add_flags(parser)` and `run(flags) -> exit code`. The table is in cli.py."""
