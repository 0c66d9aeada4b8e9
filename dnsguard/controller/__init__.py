"""The controller process: store → policy → kernel rules and forwarders, and the API."""
