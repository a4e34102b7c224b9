"""Upper bounds of this installation, kept by all of its worker processes together.

# Layout
- `meter`  lets calls in, refuses them, and books what they used
- `bucket` how much of a rate is used up, and how long until there is room
- `board`  the counters, in a file that all workers map into their memory
"""

from synthmill_gateway.limits.meter import Meter, Need, Scope, Ticket, Used

__all__ = ["Meter", "Need", "Scope", "Ticket", "Used"]
