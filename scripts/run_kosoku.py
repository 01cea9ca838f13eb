"""Runs kosoku with its arguments, after a repair: 0.1.0 passes a message that came uncompressed on a connection with
permessage-deflate to cases 12 and 13 as text of one letter for each byte, where they expect the bytes."""

import importlib
import sys

from kosoku import _caseindex
from kosoku._cli import main


def with_bytes(on_message):
    def repaired(case, message, is_binary):
        received = message.encode("latin-1") if isinstance(message, str) else message
        on_message(case, received, is_binary)

    return repaired


_caseindex.initialize_shims()
cases = importlib.import_module("case12_x_x")
for case in cases.Case12_X_X + cases.Case13_X_X:
    case.onMessage = with_bytes(case.onMessage)

sys.exit(main())
