"""The key of the archive, wherever it lies: what it signs is verified by another library, and chains to its root."""

import asyncio
import json
import multiprocessing
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import jwt
import pkcs11
import pytest
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from services.proof.signing.algorithms import UnusableKey
from services.proof.signing.development import open_development
from services.proof.signing.holding import HeldKey, SignerEnded, WrongSignature
from services.proof.signing.opening import open_signer
from services.proof.signing.pkcs11 import ModuleAway, ModuleKey, NotProbative
from services.proof.signing.pkcs11_uri import read_uri
from services.proof.signing.pkcs12 import open_pkcs12, read_pkcs12
from services.proof.signing.port import ProofSigner
from shared.clock import now
from tests.builders import pki
from tests.builders.softhsm import LABEL, AToken, make_token

TYP = "chartrier-seal+jws"
PAYLOAD = {"number": 42, "format": "é"}
PASSWORD = "un mot"  # noqa: S105 (of a test) # pragma: allowlist secret


def p12_of(holder: pki.Holder) -> bytes:
    encryption = BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(None, holder.key, holder.certificate, holder.above, encryption)


def verified(jws: str) -> tuple[dict[str, Any], tuple[x509.Certificate, ...]]:
    """Return the header, once the payload was verified by the first certificate of it, and each by the next."""
    header = jwt.get_unverified_header(jws)
    chain = tuple(x509.load_der_x509_certificate(b64decode(one)) for one in header["x5c"])
    key: Any = chain[0].public_key()
    payload = jwt.api_jws.PyJWS().decode(jws, key, [header["alg"]])
    assert payload == json.dumps(PAYLOAD, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    for below, above in pairwise(chain):
        below.verify_directly_issued_by(above)
    return header, chain


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("ec", "ES256"), ("ec-384", "ES384"), ("ec-521", "ES512"), ("2048", "PS256")],
)
async def test_each_kind_of_key_signs_by_its_algorithm(kind: str, algorithm: str) -> None:
    holder = pki.signer(kind)

    header, chain = verified(await read_pkcs12(p12_of(holder), PASSWORD).sign(TYP, PAYLOAD))

    assert (header["alg"], header["typ"]) == (algorithm, TYP)
    # All but the root, which who verifies has from elsewhere.
    assert chain == (holder.certificate, *holder.above[:-1])


async def test_a_key_in_a_file_is_probative_and_has_the_end_of_its_certificate(tmp_path: Path) -> None:
    file = tmp_path / "key.p12"
    file.write_bytes(p12_of(pki.signer()))

    signer = open_signer(f"pkcs12:{file}", PASSWORD)

    assert (signer.probative, signer.ends_at, signer.digest) == (True, pki.CLOSES, "sha256")
    assert signer.certificates == (pki.signer().der, *map(pki.der_of, pki.signer().above))


async def test_certificates_may_lie_beside_the_file(tmp_path: Path) -> None:
    file, above = tmp_path / "key.p12", tmp_path / "above.pem"
    file.write_bytes(p12_of(pki.Holder(pki.signer().certificate, pki.signer().key)))
    above.write_bytes(pki.authority().pem + pki.root().pem)

    _, chain = verified(await open_signer(f"pkcs12:{file}", PASSWORD, above).sign(TYP, PAYLOAD))

    assert chain == (pki.signer().certificate, pki.authority().certificate)


@pytest.mark.parametrize(
    "holder", [pki.signer("1024"), pki.signer("ec-koblitz")], ids=["too short", "of another curve"]
)
def test_weak_and_strange_keys_are_refused(holder: pki.Holder) -> None:
    with pytest.raises(UnusableKey, match="2048 bits or more"):
        read_pkcs12(p12_of(holder), PASSWORD)


def test_a_file_that_does_not_open_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.p12"
    file.write_bytes(p12_of(pki.signer()))

    with pytest.raises(UnusableKey, match="does not open"):
        open_pkcs12(file, "another")


async def test_nothing_is_signed_once_the_certificate_has_ended() -> None:
    ended = pki.issue(pki.Wanted("Fini", until=now() - timedelta(seconds=1)), pki.authority())

    with pytest.raises(SignerEnded):
        await read_pkcs12(p12_of(ended), PASSWORD).sign(TYP, PAYLOAD)


async def test_what_another_key_signed_is_not_kept() -> None:
    held, other = read_pkcs12(p12_of(pki.signer()), PASSWORD), pki.issue(pki.Wanted("Autre"), pki.authority())

    with pytest.raises(WrongSignature):
        await HeldKey(held.pdf, (Certificate.load(other.der),)).sign(TYP, PAYLOAD)


async def test_a_development_key_says_that_it_proves_nothing_and_stays_the_same(tmp_path: Path) -> None:
    signer = open_signer(f"development:{tmp_path / 'keys'}")

    _, (own,) = verified(await signer.sign(TYP, PAYLOAD))

    assert not signer.probative
    assert "sans valeur probante" in own.subject.rfc4514_string()
    assert open_development(tmp_path / "keys").certificates == signer.certificates
    (kept,) = (tmp_path / "keys").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_a_development_key_may_be_in_memory_alone() -> None:
    first, second = open_signer("development:"), open_signer("development:")

    assert first.certificates != second.certificates
    verified(await first.sign(TYP, PAYLOAD))


def _certificate_of(folder: Path) -> bytes:
    return open_development(folder).certificates[0]


def test_processes_that_start_at_once_end_with_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as processes:
        found = processes.map(_certificate_of, [tmp_path / "keys"] * 8, chunksize=1)

    assert len(set(found)) == 1
    assert [one.name for one in (tmp_path / "keys").iterdir()] == ["signer.p12"]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, AToken]]:
    folder = tmp_path_factory.mktemp("softhsm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        made = {kind: make_token(folder, f"jeton-{kind}", pki.signer(kind)) for kind in ("ec", "2048")}
        yield made
        pkcs11.unload(str(made["ec"].module))


async def in_module(token: AToken) -> ProofSigner:
    return open_signer(token.uri)


@pytest.mark.parametrize(("kind", "algorithm"), [("ec", "ES256"), ("2048", "PS256")])
async def test_a_key_in_a_module_signs(tokens: dict[str, AToken], kind: str, algorithm: str) -> None:
    """PRV-12."""
    signer = await in_module(tokens[kind])

    header, chain = verified(await signer.sign(TYP, PAYLOAD))

    assert header["alg"] == algorithm
    assert chain == (pki.signer(kind).certificate, pki.authority().certificate)
    assert (signer.probative, signer.ends_at) == (True, pki.CLOSES)
    await signer.close()


async def test_a_module_signs_for_many_at_once(tokens: dict[str, AToken]) -> None:
    signer = await in_module(tokens["ec"])

    for jws in await asyncio.gather(*(signer.sign(TYP, PAYLOAD) for _ in range(8))):
        verified(jws)
    await signer.close()


async def test_a_session_that_was_lost_is_opened_again(tokens: dict[str, AToken]) -> None:
    signer = await in_module(tokens["ec"])
    await signer.open()
    pkcs11.lib(str(tokens["ec"].module)).reinitialize()

    verified(await signer.sign(TYP, PAYLOAD))
    await signer.close()


async def test_a_token_that_was_away_signs_once_it_is_back(tokens: dict[str, AToken]) -> None:
    token = tokens["ec"]
    signer = await in_module(token)
    with pytest.raises(ModuleAway):
        _ = signer.certificates
    await signer.open()
    token.take_out()

    with pytest.raises(ModuleAway):
        await signer.sign(TYP, PAYLOAD)
    with pytest.raises(ModuleAway):
        await (await in_module(token)).open()

    token.put_back()
    verified(await signer.sign(TYP, PAYLOAD))
    await signer.close()


async def test_a_module_that_holds_another_key_signs_by_that_and_says_so(tokens: dict[str, AToken]) -> None:
    folder, renewed = tokens["ec"].pin_file.parent, pki.issue(pki.Wanted("Après", key="ec-384"), pki.authority())
    token = make_token(folder, "jeton-de-deux", pki.signer())
    signer = await in_module(token)
    verified(await signer.sign(TYP, PAYLOAD))
    token.delete()
    make_token(folder, "jeton-de-deux", renewed)

    # Whoever asks took the key of before for granted: asked again, all is of the new one.
    with pytest.raises(ModuleAway, match="another one"):
        await signer.sign(TYP, PAYLOAD)

    header, chain = verified(await signer.sign(TYP, PAYLOAD))
    assert (header["alg"], chain[0]) == ("ES384", renewed.certificate)
    assert (signer.certificates[0], signer.digest) == (renewed.der, "sha384")
    await signer.close()
    token.delete()


@pytest.mark.parametrize("kind", ["ec", "2048"])
async def test_of_certificates_in_a_file_the_keys_own_is_taken_wherever_it_stands(
    tokens: dict[str, AToken], kind: str, tmp_path: Path
) -> None:
    file, holder = tmp_path / "chain.pem", pki.signer(kind)
    file.write_bytes(pki.root().pem + pki.authority().pem + holder.pem)
    signer = open_signer(tokens[kind].uri, certificates=file)

    _, chain = verified(await signer.sign(TYP, PAYLOAD))

    assert chain == (holder.certificate, pki.authority().certificate)
    await signer.close()


async def test_a_certificate_on_a_token_that_is_another_keys_is_not_signed_by(tokens: dict[str, AToken]) -> None:
    of_two = pki.Holder(pki.signer().certificate, pki.key_of("une autre"))
    token = make_token(tokens["ec"].pin_file.parent, "jeton-faux", of_two)

    with pytest.raises(ModuleAway, match="UnusableKey"):
        await (await in_module(token)).sign(TYP, PAYLOAD)
    token.delete()


async def test_a_development_key_in_a_module_is_none_that_proves(tokens: dict[str, AToken]) -> None:
    folder = tokens["ec"].pin_file.parent
    marked = pki.issue(pki.Wanted("Essai (sans valeur probante)"), pki.authority())
    token = make_token(folder, "jeton-essai", marked)
    signer, strict = await in_module(token), open_signer(token.uri, probative=True)

    # Of one that was not reached nobody says that it proves anything.
    with pytest.raises(ModuleAway):
        _ = signer.probative
    await signer.open()
    assert not signer.probative
    await signer.close()
    for _ in range(2):
        with pytest.raises(NotProbative):
            await strict.sign(TYP, PAYLOAD)

    token.delete()
    make_token(folder, "jeton-essai", pki.signer())
    verified(await strict.sign(TYP, PAYLOAD))
    assert strict.probative
    await strict.close()
    token.delete()


async def test_a_wrong_pin_or_a_strange_label_is_told_without_either(
    tokens: dict[str, AToken], tmp_path: Path
) -> None:
    pin = tmp_path / "pin"
    pin.write_text("654321")
    wrong_pin = tokens["ec"].uri.replace(str(tokens["ec"].pin_file), str(pin))
    other_key = tokens["ec"].uri.replace(f"object={LABEL}", "object=autre-cle")

    for uri in (wrong_pin, other_key):
        with pytest.raises(ModuleAway) as told:
            await ModuleKey(read_uri(uri)).sign(TYP, PAYLOAD)
        assert "654321" not in str(told.value)
        assert "autre-cle" not in str(told.value)
