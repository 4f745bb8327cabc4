"""Print docs/errors.md."""

import sys

from services.problems_catalogue.writing import document

if __name__ == "__main__":
    sys.stdout.write(document())
