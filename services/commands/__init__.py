"""The operator's hands on the machine: one module a command, all in one frame."""
