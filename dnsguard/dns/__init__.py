"""DNS as the forwarder speaks it: what comes in is scanned, judged, answered, and held until leased.

``relay`` is the visible chain; everything else is one link of it.
"""
