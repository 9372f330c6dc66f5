"""The commands of the command line, each in a module of its name: SUMMARY, `arguments` and what it does, `run`."""
