"""What can go wrong with an object store.

StoreError
├── StoreUnavailable     the world is at fault: the same call may succeed later
│   └── StoreFull        no room left: it may succeed once someone makes some
├── NoSuchObject         the store answers, and has no such key (or version)
├── KeyTaken             the key already holds other bytes; nothing was changed
├── ObjectLocked         a retention or a hold forbids this deletion
├── WrongBytes           what arrived is not what was announced (size or SHA-512); nothing was kept
├── NoSuchRange          the range asked for lies outside the object
├── UnsafeKey            the key could leave its folder, or would not be portable
└── StoreMisconfigured   the store cannot keep its promises (no versioning, no lock): a person must act
"""


class StoreError(Exception):
    """Anything a store can complain of; its text names the key and the reason."""


class StoreUnavailable(StoreError):
    """The store could not be reached or could not answer: try again later."""


class StoreFull(StoreUnavailable):
    """The store has no room left for these bytes."""


class NoSuchObject(StoreError):
    """The store is well and does not hold this key (or this version of it)."""


class KeyTaken(StoreError):
    """The key already holds other bytes, and a store never overwrites."""


class ObjectLocked(StoreError):
    """The store's retention or hold forbids this deletion."""


class WrongBytes(StoreError):
    """The bytes that came differ from what was announced; none of them were kept."""


class NoSuchRange(StoreError):
    """The range asked for reaches beyond the object."""


class UnsafeKey(StoreError):
    """A key must be relative, portable and unable to climb out of its store."""


class StoreMisconfigured(StoreError):
    """The store is there but set up so that it cannot keep what it promises."""
