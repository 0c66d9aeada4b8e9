"""How the page at ``/docs`` looks."""

from base64 import b64encode
from hashlib import sha256
from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --code: ui-monospace, monospace; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem 1.5rem 4rem; }
h1 { margin: .5rem 0; } h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 1.5rem 0 .3rem; font: 600 14px var(--code); overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: .6rem 0; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .35rem 0; }
details > :not(summary) { margin-left: 1rem; margin-right: 1rem; }
summary { cursor: pointer; padding: .4rem .8rem; display: flex; flex-wrap: wrap; gap: .2rem .8rem; }
summary code { overflow-wrap: anywhere; } summary span { opacity: .75; }
b.method { font: 700 12px/1.8 var(--code); width: 4.6rem; text-align: center; border-radius: .3rem; color: #fff; }
b.get { background: #2563a8; } b.post { background: #2d7d46; } b.put { background: #9a6700; }
b.patch { background: #7a4fb5; } b.delete { background: #b3342d; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem; }
th { text-align: left; font-weight: 600; } details > table { width: calc(100% - 2rem); }
caption { text-align: left; font-weight: 600; padding: .4rem 0 .2rem; }
th, td { padding: .25rem .8rem .25rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td:first-child, td.type { font-family: var(--code); font-size: 13px; } td.type { overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .6rem .8rem; border-radius: .4rem; overflow-x: auto; font-size: 13px; }
:target { background: var(--soft); }
"""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""``Content-Security-Policy``: nothing is loaded, nothing runs, and no other page can wrap this one."""
