"""Find archives and take them out, from the command."""

from itertools import islice

from chartrier_client.cli.exits import ACCEPTED, TECHNICAL
from chartrier_client.cli.run import Run
from chartrier_client.cli.targets import target
from chartrier_client.http import Client
from chartrier_client.language import Text
from chartrier_client.progress import amount


def search(client: Client, run: Run) -> int:
    """Find units by words and filters."""
    filters = dict(pair.split("=", 1) if "=" in pair else (pair, "true") for pair in run.asked.filter)
    units = list(islice(client.search(" ".join(run.asked.words), **filters), run.asked.limit or None))
    lines: list[str] = []
    for unit in units:
        dates = " – ".join(date for date in (unit.start_date, unit.end_date) if date)
        lines.append(f"{unit.id}  {unit.title}" + (f"  ({dates})" if dates else ""))
        lines.extend(
            f"    {row.id}  {row.filename or ''}  {amount(row.size or 0, run.output.language)}"
            for row in unit.objects
        )
    run.output.tell({"items": [unit.body for unit in units]}, *(lines or [Text("rien trouvé", "nothing found")]))
    return ACCEPTED


def fetch_object(client: Client, run: Run) -> int:
    """Download an object."""
    out = target(run, run.asked.path)
    digest = client.download(run.asked.object, out)
    run.output.tell({"path": str(out), "sha512": digest}, _verified(str(out), digest))
    return ACCEPTED


def fetch_dip(client: Client, run: Run) -> int:
    """Order units, wait, and download them."""
    out = target(run, run.asked.out)
    order = client.wait_dip(client.order_dip(run.asked.units), run.asked.timeout)
    if order.state != "ready":
        failed = Text(f"la commande {order.id} a échoué", f"the order {order.id} has failed")
        run.output.complain(failed.said(run.output.language), "DIP_FAILED")
        return TECHNICAL
    digest = client.download_dip(order.id, out)
    run.output.tell({"id": order.id, "path": str(out), "sha512": digest}, _verified(str(out), digest))
    return ACCEPTED


def _verified(path: str, digest: str) -> Text:
    return Text(f"{path}  SHA-512 vérifié : {digest}", f"{path}  SHA-512 verified: {digest}")
