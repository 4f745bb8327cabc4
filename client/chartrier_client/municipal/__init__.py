"""Deposits that every municipality makes: from what its software has on disk to packages ready to be sent.

accounting      the night's PES v2 flows, each with its acknowledgement
staff           an agent's papers, when he leaves
deliberations   the register of council sessions, from a table or from ACTES messages
procurement     the papers of a public contract, phase by phase

What is kept for how long, and under which agreement, is data: a template a flow, in `templates/`. They are examples,
to be validated by the Archives départementales before a real deposit.
"""
