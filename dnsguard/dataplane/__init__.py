"""Compiled policy in the kernel: one nftables table, always changed as a difference.

`naming` what things are called; `rules` the vocabulary of a ruleset; `translate`, `classes`, `hooks` and `plan` from
compiled policy to a `Plan`; `render` a plan as text, `encode` as netlink; `delta` desired against actual; `driver` the
kernel.
"""
