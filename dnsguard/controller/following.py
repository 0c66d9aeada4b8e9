"""Follows the store: list, then watch from there, and list again when that is refused."""

import asyncio
import logging
from collections.abc import Callable

from dnsguard.controller.inputs import Inputs
from dnsguard.errors import DnsguardError
from dnsguard.resources.registry import ACCESS_COLLECTIONS
from dnsguard.store.interface import Compacted, Store

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


async def follow(store: Store, inputs: Inputs, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
    """Keep ``inputs`` equal to the store until it is closed; call ``changed`` after each difference. What says
    who may use the API is none.

    A store that fails is asked again every second: what is enforced stays. ``failed`` hears why, and "" when it works.
    """
    while True:
        try:
            objects, revision = await store.list_objects()
            failed("")
            inputs.replace(objects, revision)
            changed()
            watch = store.watch(revision)
            try:
                async for change in watch:
                    if change.key.plural not in ACCESS_COLLECTIONS:
                        inputs.take(change)
                        changed()
            finally:
                await watch.aclose()
            return
        except Compacted:
            log.info("the store no longer has the changes since revision %d: listing it anew", inputs.revision)
        except DnsguardError as error:
            log.error("the store cannot be followed: %s", error)
            failed(str(error))
            await asyncio.sleep(RETRY_SECONDS)
