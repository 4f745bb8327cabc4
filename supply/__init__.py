"""What the archive is made of, checked: locks, licences, known faults, secrets left in files."""
