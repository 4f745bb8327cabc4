"""Start proof: ``python -m services.proof serve|api|worker``."""

from services.proof.settings import ProofSettings
from services.proof.wiring import build
from shared.serving import main

if __name__ == "__main__":
    main("proof", build, ProofSettings)
