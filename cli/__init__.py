"""The command line: parses, prints and draws; knows the registry, and no task by name."""
