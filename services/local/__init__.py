"""Private servers on one machine: PostgreSQL, RabbitMQ, SeaweedFS, front door, and the stack made of them.

Everything listens on loopback or a Unix socket, keeps its files under one folder, survives the death of
whoever started it, and is stopped only by its own mark: nothing here touches a process it did not start.
"""
