"""`python -m dnsguard`: the same as the `dnsguard` command."""

import sys

from dnsguard.cli.main import main

sys.exit(main())
