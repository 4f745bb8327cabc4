"""libxml2 as we want it: streaming, no network, no entity, no DTD."""

from collections.abc import Sequence

from lxml import etree

CHUNK = 64 * 1024


def pull_parser(events: Sequence[str], tags: Sequence[str], schema: etree.XMLSchema | None) -> etree.XMLPullParser:
    """Return a parser to be fed, which tells of `events` of `tags` and validates by `schema` meanwhile.

    Its limits are lifted (`huge_tree`): whoever feeds it must count, and must have refused any DOCTYPE.
    """
    return etree.XMLPullParser(
        events=events,  # type: ignore[arg-type]
        tag=list(tags) or None,
        schema=schema,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
    )
