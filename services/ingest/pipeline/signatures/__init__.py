"""Electronic signatures of a package: found, validated without network, and reported.

`examine` is the door. Readers (`pades`, `cades`, `xades`) tell what a signature is, cryptographically; `judging` asks
whom it is of, and when. Nothing here is loaded unless an agreement asks for it: pyHanko takes a second.
"""

import logging

for _talker in ("pyhanko", "pyhanko_certvalidator", "signxml"):
    # They write of whom a certificate is, and what is wrong with it: that is for the report, no log holds names.
    logging.getLogger(_talker).setLevel(logging.CRITICAL + 1)
