"""Print docs/journal-acts.md."""

import sys

from services.acts_catalogue.writing import document

if __name__ == "__main__":
    sys.stdout.write(document())
