"""What the grammar says of the frames of a manifest, apart from what it says of all that they hold.

libxml2 looks at no further child of an element once one of them is unexpected. So that the faults behind it are
found all the same, `grammar.py` makes of the grammar that judges one in which a frame may hold anything, and each
element is judged alone; `declarations.py` reads the schema documents, and `content_model.py` says what may follow
what in a frame.
"""
