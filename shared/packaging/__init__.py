"""What whoever writes packages needs: a TAR whose bytes are the same on every machine, documents kept on disk."""
